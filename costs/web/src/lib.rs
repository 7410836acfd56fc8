//! The dashboard's pages: from figures to HTML. No network, no database.
