//! Sets of package names that options give: `--no-binary`, `--only-binary`, `--all-releases`, `--only-final`.

use std::collections::BTreeSet;
use std::fmt;

use uv_normalize::PackageName;

use super::error::RequirementsErrorKind as Kind;

/// Package names, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Names {
    /// Nothing.
    #[default]
    None,
    /// These.
    Some(BTreeSet<PackageName>),
    /// `:all:`.
    All,
}

impl Names {
    /// Whether the name is among them.
    pub fn contains(&self, name: &PackageName) -> bool {
        match self {
            Self::None => false,
            Self::Some(names) => names.contains(name),
            Self::All => true,
        }
    }

    /// Exactly these.
    pub fn of(names: impl IntoIterator<Item = PackageName>) -> Self {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.is_empty() { Self::None } else { Self::Some(names) }
    }

    /// These and those.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, names) | (names, Self::None) => names.clone(),
            (Self::Some(names), Self::Some(more)) => Self::Some(names | more),
        }
    }

    /// Whether the name itself was given.
    pub fn names(&self, name: &PackageName) -> bool {
        matches!(self, Self::Some(names) if names.contains(name))
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str(":none:"),
            Self::All => f.write_str(":all:"),
            Self::Some(names) => {
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

/// Whether `first` holds for the name when `second` asks for the opposite, as pip decides: a name goes before `:all:`.
pub(crate) fn prevails(first: &Names, second: &Names, name: &PackageName) -> bool {
    first.contains(name) && !(*first == Names::All && second.names(name))
}

/// Adds an option's value to what earlier lines said; what the opposite option said of the same names is forgotten.
pub(super) fn add(names: &mut Names, opposite: &mut Names, option: &str, value: &str) -> Result<(), Kind> {
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match item {
            ":all:" => {
                *names = Names::All;
                *opposite = Names::None;
            }
            ":none:" => *names = Names::None,
            _ => {
                let name = item.parse::<PackageName>().map_err(|_| Kind::OptionValue {
                    option: option.to_owned(),
                    expected: "package names, :all: or :none:",
                })?;
                if let Names::Some(known) = opposite {
                    known.remove(&name);
                }
                match names {
                    Names::All => {}
                    Names::Some(known) => {
                        known.insert(name);
                    }
                    Names::None => *names = Names::Some(BTreeSet::from([name])),
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_a_name_holds() {
        let (mut no, mut only) = (Names::None, Names::None);
        add(&mut no, &mut only, "--no-binary", "a,b").unwrap();
        add(&mut only, &mut no, "--only-binary", "b, c").unwrap();
        let name = |text: &str| text.parse::<PackageName>().unwrap();
        assert!(no.contains(&name("a")) && !no.contains(&name("b")) && only.contains(&name("b")));
        add(&mut only, &mut no, "--only-binary", ":all:").unwrap();
        assert_eq!((no.clone(), only.clone()), (Names::None, Names::All));
        add(&mut no, &mut only, "--no-binary", "a").unwrap();
        assert!(prevails(&no, &only, &name("a")) && !prevails(&only, &no, &name("a")));
        assert!(prevails(&only, &no, &name("b")));
        add(&mut no, &mut only, "--no-binary", ":none:").unwrap();
        assert_eq!(no, Names::None);
        assert!(add(&mut no, &mut only, "--no-binary", "!").is_err());
    }
}
