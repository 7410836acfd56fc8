//! What an environment consists of: a pure decision over tables of contents and the base's files.
//!
//! Walks only directories that several parts share; a directory with one owner is one link.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use depcache_layer::record_hash;
use domain::environment::{Conflict, Shadow};
use domain::layer::EntryKind;
use domain::{Toc, TocEntry};

use super::base_files::{BaseFile, BaseFiles, BaseItem, Unshadowed, split};

/// The loser's name where a file of the base loses.
const BASE: &str = "base";
const BYTECODE: &str = "__pycache__";

/// One thing to make, in an order in which parents come first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A real directory.
    Directory(String),
    /// A link to this path in a layer, by index.
    Layer { path: String, layer: usize },
    /// A link to a file or directory of the base.
    Base { path: String, source: PathBuf },
    /// A script of a layer (by index) or of the base, to be copied or rewritten.
    Script { path: String, origin: ScriptOrigin },
    /// Bytecode of these modules of the base; `whole` when its directory may be one link.
    Bytecode { path: String, sources: Vec<PathBuf>, whole: bool },
}

/// Where a script comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScriptOrigin {
    Layer(usize),
    Base(PathBuf),
}

/// The decision.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) steps: Vec<Step>,
    pub(super) conflicts: Vec<Conflict>,
}

/// Pure: the paths with more than one owner and different contents, sorted, for `Manifest.conflicts`.
///
/// `tocs` in the manifest's order (by normalised name): of two layers the later wins, a layer wins over an unshadowed
/// file of the base. Bytecode follows its source and is not listed.
pub fn plan(tocs: &[Toc], base: &BaseFiles, shadows: &[Shadow]) -> Vec<Conflict> {
    tree(tocs, base, shadows).conflicts
}

pub(super) fn tree(tocs: &[Toc], base: &BaseFiles, shadows: &[Shadow]) -> Tree {
    let site_packages = base.site_packages.as_str();
    let base = base.without(shadows);
    let layers: Vec<_> = tocs.iter().map(children).collect();
    let mut owners: Vec<Owner> = (0..tocs.len()).map(Owner::Layer).collect();
    owners.insert(0, Owner::Base);
    let mut walk = Walk { tocs, layers, base, site_packages, tree: Tree::default() };
    walk.directory("", &owners, &BTreeSet::new());
    walk.tree.conflicts.sort_by(|a, b| (&a.path, &a.winner, &a.loser).cmp(&(&b.path, &b.winner, &b.loser)));
    walk.tree
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Base,
    Layer(usize),
}

#[derive(Clone, Copy)]
enum Item<'t> {
    Directory,
    Layer(&'t TocEntry),
    Base(&'t BaseFile),
}

type Children<'t> = HashMap<&'t str, Vec<(&'t str, &'t TocEntry)>>;

fn children(toc: &Toc) -> Children<'_> {
    let mut children = Children::new();
    for entry in &toc.entries {
        let (directory, name) = split(&entry.path);
        children.entry(directory).or_default().push((name, entry));
    }
    children
}

struct Walk<'t> {
    tocs: &'t [Toc],
    layers: Vec<Children<'t>>,
    base: Unshadowed<'t>,
    site_packages: &'t str,
    tree: Tree,
}

/// Whose bytecode, and of which module, may not be used: its source lost.
type Stale = BTreeSet<(Owner, String)>;

impl<'t> Walk<'t> {
    fn items(
        &self,
        directory: &str,
        owners: &[Owner],
        stale: &Stale,
    ) -> BTreeMap<&'t str, Vec<(Owner, Item<'t>)>> {
        let mut items: BTreeMap<&str, Vec<(Owner, Item<'_>)>> = BTreeMap::new();
        for &owner in owners {
            match owner {
                Owner::Base => {
                    for (name, item) in self.base.children.get(directory).into_iter().flatten() {
                        let item = match *item {
                            BaseItem::File(file) => Item::Base(file),
                            BaseItem::Directory => Item::Directory,
                        };
                        items.entry(name).or_default().push((owner, item));
                    }
                }
                Owner::Layer(layer) => {
                    for (name, entry) in self.layers[layer].get(directory).into_iter().flatten() {
                        let stem = name.split('.').next().unwrap_or_default();
                        if !stale.is_empty() && stale.contains(&(owner, stem.to_owned())) {
                            continue;
                        }
                        let item = if entry.kind == EntryKind::Directory {
                            Item::Directory
                        } else {
                            Item::Layer(entry)
                        };
                        items.entry(name).or_default().push((owner, item));
                    }
                }
            }
        }
        items
    }

    fn directory(&mut self, directory: &str, owners: &[Owner], stale: &Stale) {
        let items = self.items(directory, owners, stale);
        let join =
            |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        // Files first: what bytecode is valid depends on whose sources won.
        let (mut modules, mut lost) = (Vec::new(), Stale::new());
        for (name, found) in &items {
            let Some((winner, item)) = found.last().copied() else { continue };
            for (loser, other) in &found[..found.len() - 1] {
                if matches!((item, other), (Item::Directory, Item::Directory)) || same(item, *other) {
                    continue;
                }
                self.conflict(directory, join(name), winner, *loser);
                if let Some(module) = name.strip_suffix(".py") {
                    lost.insert((*loser, module.to_owned()));
                }
            }
            match item {
                Item::Directory => {}
                Item::Layer(_) => self.file(directory, join(name), winner, None),
                Item::Base(file) => {
                    if name.strip_suffix(".py").is_some() {
                        modules.push(file.source.clone());
                    }
                    self.file(directory, join(name), winner, Some(&file.source));
                }
            }
        }
        if !modules.is_empty() && self.below_site_packages(directory) {
            let one_place = modules.windows(2).all(|pair| pair[0].parent() == pair[1].parent());
            let whole = one_place
                && !items.contains_key(BYTECODE)
                && !self.base.torn_here.contains(directory)
                && !lost.iter().any(|(owner, _)| *owner == Owner::Base);
            let path = join(BYTECODE);
            self.tree.steps.push(Step::Bytecode { path, sources: modules.clone(), whole });
        }
        for (name, found) in &items {
            if !matches!(found.last(), Some((_, Item::Directory))) {
                continue;
            }
            let path = join(name);
            let owners: Vec<_> = found
                .iter()
                .filter(|(_, item)| matches!(item, Item::Directory))
                .map(|(owner, _)| *owner)
                .collect();
            let bytecode = *name == BYTECODE;
            let must_be_real = bytecode && !(lost.is_empty() && modules.is_empty());
            if let Some(step) = self.one_link(&path, &owners).filter(|_| !must_be_real) {
                self.tree.steps.push(step);
                continue;
            }
            self.tree.steps.push(Step::Directory(path.clone()));
            self.directory(&path, &owners, if bytecode { &lost } else { const { &Stale::new() } });
        }
    }

    fn conflict(&mut self, directory: &str, path: String, winner: Owner, loser: Owner) {
        if split(directory).1 != BYTECODE {
            let name = |owner| match owner {
                Owner::Base => BASE.to_owned(),
                Owner::Layer(layer) => self.tocs[layer].name.clone(),
            };
            let conflict = Conflict { path, winner: name(winner), loser: name(loser) };
            self.tree.conflicts.push(conflict);
        }
    }

    fn file(&mut self, directory: &str, path: String, owner: Owner, source: Option<&Path>) {
        let base = || source.map(Path::to_owned).unwrap_or_default();
        self.tree.steps.push(match owner {
            Owner::Layer(layer) if directory == "bin" => {
                Step::Script { path, origin: ScriptOrigin::Layer(layer) }
            }
            Owner::Base if directory == "bin" => Step::Script { path, origin: ScriptOrigin::Base(base()) },
            Owner::Layer(layer) => Step::Layer { path, layer },
            Owner::Base => Step::Base { path, source: base() },
        });
    }

    /// The link that stands for a whole directory, when it has one owner who brings all of it.
    fn one_link(&self, path: &str, owners: &[Owner]) -> Option<Step> {
        let is_frame = path == "bin" || path == "lib" || self.site_packages.starts_with(&format!("{path}/"));
        if is_frame || path == self.site_packages {
            return None;
        }
        match owners {
            [Owner::Layer(layer)] if !self.tocs[*layer].needs_real_directories => {
                Some(Step::Layer { path: path.to_owned(), layer: *layer })
            }
            // Outside site-packages the base's directories hold much that belongs to no distribution.
            [Owner::Base] if self.below_site_packages(path) && !self.base.torn.contains(path) => {
                Some(Step::Base { path: path.to_owned(), source: self.source_of(path)? })
            }
            _ => None,
        }
    }

    fn below_site_packages(&self, path: &str) -> bool {
        path.strip_prefix(self.site_packages).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The base directory whose files these are; `None` when they come from several.
    fn source_of(&self, path: &str) -> Option<PathBuf> {
        if let Some(site) = self.base.only_site {
            let inside = path.strip_prefix(self.site_packages)?;
            return Some(site.join(inside.trim_start_matches('/')));
        }
        let mut source = None;
        for (name, item) in self.base.children.get(path)? {
            let here = match item {
                BaseItem::File(file) => file.source.parent()?.to_owned(),
                BaseItem::Directory => {
                    let below = self.source_of(&format!("{path}/{name}"))?;
                    below.parent()?.to_owned()
                }
            };
            match &source {
                None => source = Some(here),
                Some(known) if *known != here => return None,
                Some(_) => {}
            }
        }
        source
    }
}

/// Whether two files have the same content, so that nobody loses.
fn same(one: Item<'_>, other: Item<'_>) -> bool {
    let layer_hash = |entry: &TocEntry| entry.sha256.as_ref().map(record_hash);
    match (one, other) {
        (Item::Layer(a), Item::Layer(b)) => a.kind == b.kind && a.sha256 == b.sha256 && a.target == b.target,
        (Item::Layer(a), Item::Base(b)) | (Item::Base(b), Item::Layer(a)) => {
            layer_hash(a).is_some_and(|hash| hash == b.hash.trim_end_matches('='))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
