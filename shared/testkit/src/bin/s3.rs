//! `testkit-s3`: the S3 server of the tests as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use testkit::s3::{Settings, serve};
use tokio::signal::unix::{SignalKind, signal};

/// An S3 server over a directory, for tests and one-machine demos. Not for production.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Directory that holds the buckets; created when missing.
    #[arg(long)]
    root: PathBuf,
    /// The one access key that is let in.
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    access_key: String,
    /// Its secret.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    secret_key: String,
    /// Bucket to create when missing; may be repeated.
    #[arg(long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { listen, root, access_key, secret_key, buckets } = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let ready = |address: SocketAddr| {
        // Whoever started this waits for the line; a closed stdout is their wish.
        drop(writeln!(std::io::stdout(), "listening on http://{address}"));
    };
    let settings = Settings { root, access_key, secret_key, buckets };
    serve(&settings, listen, ready, stop)
        .await
        .with_context(|| format!("cannot serve {} at {listen}", settings.root.display()))
}
