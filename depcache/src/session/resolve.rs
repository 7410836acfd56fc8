//! Questions to the resolver, on blocking threads.

use depcache_resolve::{Conflict, Expanded, Input, Proposal, Resolution, ResolveError};
use uv_normalize::PackageName;

use super::Session;
use crate::blocking::blocking;
use crate::facts::IndexFacts;
use crate::index::Index;
use crate::source::Frontend;

impl Session {
    /// Resolves.
    pub async fn resolve(&self, index: &Index, expanded: &Expanded) -> Result<Resolution, ResolveError> {
        self.resolve_with(&Frontend::new(self, index), expanded).await
    }

    /// [`Session::resolve`] with a frontend that knows what is being built around.
    pub(crate) async fn resolve_with(
        &self,
        frontend: &Frontend,
        expanded: &Expanded,
    ) -> Result<Resolution, ResolveError> {
        self.ask(frontend, expanded, |input, facts| depcache_resolve::resolve(input, facts)).await
    }

    /// Why the environment of `resolution` has a package, or has it not.
    pub async fn why(
        &self,
        index: &Index,
        expanded: &Expanded,
        resolution: Resolution,
        name: PackageName,
    ) -> Result<depcache_resolve::why::Answer, ResolveError> {
        let why = move |input: &Input, facts: &IndexFacts| {
            depcache_resolve::why::why(input, facts, &resolution, &name)
        };
        self.ask(&Frontend::new(self, index), expanded, why).await
    }

    /// Looks for the smallest change of the user's lines that resolves `conflict`.
    pub async fn propose(
        &self,
        index: &Index,
        expanded: &Expanded,
        conflict: Conflict,
    ) -> Result<Option<Proposal>, ResolveError> {
        let propose =
            move |input: &Input, facts: &IndexFacts| depcache_resolve::propose(input, facts, &conflict);
        self.ask(&Frontend::new(self, index), expanded, propose).await
    }

    /// Looks for the smallest changes of the user's lines that resolve `conflict`, best first.
    pub async fn propose_all(
        &self,
        index: &Index,
        expanded: &Expanded,
        conflict: Conflict,
    ) -> Result<Vec<Proposal>, ResolveError> {
        let propose =
            move |input: &Input, facts: &IndexFacts| depcache_resolve::propose_all(input, facts, &conflict);
        self.ask(&Frontend::new(self, index), expanded, propose).await
    }

    /// Looks for an upper bound of `culprit` under which `failing` may work.
    pub async fn propose_cap(
        &self,
        index: &Index,
        expanded: &Expanded,
        failing: PackageName,
        culprit: PackageName,
    ) -> Result<Option<Proposal>, ResolveError> {
        let propose = move |input: &Input, facts: &IndexFacts| {
            depcache_resolve::propose_cap(input, facts, &failing, &culprit)
        };
        self.ask(&Frontend::new(self, index), expanded, propose).await
    }

    /// Looks for another version of `failing`, which does not work as it resolves now.
    pub async fn propose_other(
        &self,
        index: &Index,
        expanded: &Expanded,
        failing: PackageName,
    ) -> Result<Option<Proposal>, ResolveError> {
        let propose =
            move |input: &Input, facts: &IndexFacts| depcache_resolve::propose_other(input, facts, &failing);
        self.ask(&Frontend::new(self, index), expanded, propose).await
    }

    /// Whether the index tells when releases of the package were uploaded.
    pub async fn knows_uploads(&self, index: &Index, package: PackageName) -> Result<bool, ResolveError> {
        let facts = facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose::knows_uploads(&facts, &package)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        frontend: &Frontend,
        expanded: &Expanded,
        question: impl FnOnce(&Input, &IndexFacts) -> T + Send + 'static,
    ) -> T {
        let (input, facts) = (self.options.input(expanded, &self.base), facts(frontend));
        blocking(move || question(&input, &facts)).await
    }
}

/// Facts of the index, source distributions included.
fn facts(frontend: &Frontend) -> IndexFacts {
    IndexFacts::new(frontend.index().clone(), tokio::runtime::Handle::current())
        .with_frontend(frontend.clone())
}
