//! Protected, preferred, shadowed; requirements of kept distributions stay active.

use std::collections::BTreeSet;

use depcache_resolve::{BasePolicy, ResolveError, Warning, resolve};
use domain::Mode;

use crate::world::{World, base, day, input, name, pins};

fn index() -> World {
    World::default()
        .wheel("app", "1.0", &["lib<2"])
        .wheel("app", "2.0", &["lib>=2"])
        .wheel("lib", "1.5", &[])
        .wheel("lib", "2.0", &[])
        .wheel("lib", "2.5", &[])
        .wheel("tool", "1.0", &["lib<2"])
        .wheel("tool", "3.0", &["lib>=2"])
}

#[test]
fn what_the_base_satisfies_is_kept_and_not_installed() {
    let resolution = index().resolve("app", base(&[("lib", "2.0", &[])], &[])).unwrap();
    assert_eq!(pins(&resolution), ["app==2.0"]);
    assert_eq!(resolution.kept.iter().map(|kept| kept.name.to_string()).collect::<Vec<_>>(), ["lib"]);
    assert_eq!((resolution.shadows.len(), resolution.mode), (0, Mode::Task));
    assert_eq!(resolution.requested, [name("app")]);
}

#[test]
fn a_distribution_is_shadowed_only_when_a_requirement_forces_it() {
    let resolution = index().resolve("app==2.0", base(&[("lib", "1.5", &[])], &[])).unwrap();
    assert_eq!(pins(&resolution), ["app==2.0", "lib==2.5"]);
    let shadow = &resolution.shadows[0];
    assert_eq!((shadow.name.as_str(), &*shadow.base_version, &*shadow.version), ("lib", "1.5", "2.5"));
    assert_eq!(resolution.mode, Mode::Task);
}

#[test]
fn a_protected_distribution_stays_and_others_give_way() {
    let resolution = index().resolve("app", base(&[("lib", "1.5", &[])], &["lib"])).unwrap();
    assert_eq!(pins(&resolution), ["app==1.0"]);
    assert!(resolution.shadows.is_empty());
}

#[test]
fn a_line_against_a_protected_distribution_is_refused() {
    let error = index().resolve("app==2.0", base(&[("lib", "1.5", &[])], &["lib"])).unwrap_err();
    insta::assert_snapshot!(error, @r"
    requirements.txt:1 cannot be installed beside what the base has
      - requirements.txt:1 asks for app==2.0
      - app 2.0 requires lib>=2
      - the base has lib 1.5, protected because Airflow has it loaded
    hint: lib comes with the base image: choose versions that work with it, or change the image
    ");
}

#[test]
fn airflow_is_protected_without_being_seen_loaded() {
    let index = World::default().wheel("old-provider", "1", &["apache-airflow<3"]).wheel(
        "apache-airflow",
        "2.11",
        &[],
    );
    let error = index.resolve("old-provider", base(&[("apache-airflow", "3.3.2", &[])], &[])).unwrap_err();
    insta::assert_snapshot!(error, @r"
    requirements.txt:1 cannot be installed beside what the base has
      - requirements.txt:1 asks for old-provider
      - old-provider 1 requires apache-airflow<3
      - the base has apache-airflow 3.3.2, protected because it is Airflow itself
    hint: apache-airflow comes with the base image: choose versions that work with it, or change the image
    ");
}

#[test]
fn requirements_of_kept_distributions_are_active() {
    // tool 1.0 of the base needs lib<2: shadowing lib drags tool along.
    let record = base(&[("lib", "1.5", &[]), ("tool", "1.0", &["lib<2"])], &[]);
    let resolution = index().resolve("app==2.0", record.clone()).unwrap();
    assert_eq!(pins(&resolution), ["app==2.0", "lib==2.5", "tool==3.0"]);
    // With tool protected there is no way.
    let mut protected = input(&[("requirements.txt", "app==2.0")], record);
    protected.protect = BTreeSet::from([name("tool")]);
    let error = resolve(&protected, &index()).unwrap_err();
    insta::assert_snapshot!(error, @r"
    requirements.txt:1 cannot be installed beside what the base has
      - requirements.txt:1 asks for app==2.0
      - app 2.0 requires lib>=2
      - the base has tool 1.0, protected because --protect names it
      - tool 1.0 of the base requires lib<2
    hint: tool comes with the base image: choose versions that work with it, or change the image
    ");
}

#[test]
fn a_base_that_contradicts_itself_only_warns() {
    let record = base(&[("lib", "1.5", &[]), ("tool", "3.0", &["lib>=2", "gone"])], &["lib", "tool"]);
    let resolution = index().resolve("app", record).unwrap();
    assert_eq!(pins(&resolution), ["app==1.0"]);
    let warnings: Vec<String> = resolution.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "the base contradicts itself: tool 3.0 requires lib>=2, the base has lib 1.5",
            "the base contradicts itself: tool 3.0 requires gone, which the base lacks",
        ]
    );
}

#[test]
fn shadowing_what_is_loaded_needs_an_explicit_word_and_a_process() {
    let mut input = input(&[("requirements.txt", "app==2.0")], base(&[("lib", "1.5", &[])], &["lib"]));
    input.unprotect = BTreeSet::from([name("lib")]);
    let resolution = resolve(&input, &index()).unwrap();
    assert_eq!(
        (pins(&resolution), resolution.mode),
        (vec!["app==2.0".into(), "lib==2.5".into()], Mode::Process)
    );
    assert!(matches!(resolution.warnings[0], Warning::ShadowsLoaded { .. }));
}

#[test]
fn over_airflow_2_a_worker_process_of_its_own_loads_everything_from_the_environment() {
    let index = index().wheel("apache-airflow", "2.12.0", &[]).wheel("old", "1", &["apache-airflow>=2.12"]);
    let record = || base(&[("lib", "1.5", &[]), ("apache-airflow", "2.11.2", &[])], &["lib"]);
    let resolution = index.resolve("app==2.0", record()).unwrap();
    assert_eq!(
        (pins(&resolution), resolution.mode),
        (vec!["app==2.0".into(), "lib==2.5".into()], Mode::Process)
    );
    assert!(resolution.warnings.is_empty(), "{:?}", resolution.warnings);
    assert_eq!(index.resolve("tool==1.0", record()).unwrap().mode, Mode::Process);
    assert!(index.resolve("old", record()).is_err(), "Airflow itself stays");
}

#[test]
fn the_strict_policy_protects_everything() {
    let mut input = input(&[("requirements.txt", "app==2.0")], base(&[("lib", "1.5", &[])], &[]));
    input.base_policy = BasePolicy::Strict;
    assert!(matches!(resolve(&input, &index()), Err(ResolveError::Conflict(_))));
}

#[test]
fn constraints_restrict_but_never_add() {
    let files = [("requirements.txt", "app\n-c limits.txt"), ("limits.txt", "lib<2.5\nunrelated==1")];
    let resolution = resolve(&input(&files, base(&[], &[])), &index()).unwrap();
    assert_eq!(pins(&resolution), ["app==2.0", "lib==2.0"]);
    let files = [("requirements.txt", "app==2.0\n-c limits.txt"), ("limits.txt", "# ours\nlib<2")];
    insta::assert_snapshot!(resolve(&input(&files, base(&[], &[])), &index()).unwrap_err(), @r"
    requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for app==2.0
      - app 2.0 requires lib>=2
      - limits.txt:2 allows only lib<2
    hint: loosen the constraint in limits.txt:2
    ");
}

#[test]
fn an_earlier_pin_is_preferred_to_a_newer_version() {
    let mut input = input(&[("requirements.txt", "lib")], base(&[], &[]));
    input.preferences.insert(name("lib"), "2.0".parse().unwrap());
    assert_eq!(pins(&resolve(&input, &index()).unwrap()), ["lib==2.0"]);
}

#[test]
fn the_cut_off_counts_per_file() {
    let index = World::default().wheel("a", "1", &[]).wheel("a", "2", &[]).with("a", |file| {
        file.upload_time_ms = Some(day(20_000));
    });
    let mut input = input(&[("requirements.txt", "a")], base(&[], &[]));
    input.exclude_newer_ms = Some(day(20_000));
    assert_eq!(pins(&resolve(&input, &index).unwrap()), ["a==1"]);
}

#[test]
fn extras_of_base_distributions_add_what_the_base_lacks() {
    let mut record = base(&[("lib", "2.0", &["speed>=1 ; extra == 'fast'"])], &["lib"]);
    record.base.distributions[0].extras = vec!["fast".into()];
    let index = index().wheel("speed", "1", &[]);
    let resolution = index.resolve("lib[fast]", record.clone()).unwrap();
    assert_eq!(pins(&resolution), ["speed==1"]);
    let resolution = index.resolve("lib[slow]", record).unwrap();
    assert_eq!(
        resolution.warnings[0].to_string(),
        "lib 2.0 has no extra named slow; nothing is added for it"
    );
}
