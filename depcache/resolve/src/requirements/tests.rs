use std::collections::BTreeMap;

use super::*;

fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Expanded, RequirementsError> {
    let read = |path: &str| {
        files
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or(ReadError::NotFound)
    };
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    expand(&[files[0].0], &[], &read, &variables)
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| format!("{}:{} {}", entry.origin.file, entry.origin.line, entry.requirement))
        .collect()
}

#[test]
fn reads_an_ordinary_file_in_full() {
    let hash = "0".repeat(64);
    let main = format!(
        "# what the team needs\n-r more/a.txt\n--index-url https://${{HOST}}/simple\n--extra-index-url=https://b\n\
         -f ./wheels\n--pre\n--no-binary a,b\n--only-binary :all:\nPandas[excel] >= 2.0 , < 3 ; python_version > '3.8' # why\n\
         numpy==1.26.4 \\\n    --hash=sha256:{hash} \\\r\n    --hash sha512:{hash}{hash}\n"
    );
    let files = [
        ("main.txt", main.as_str()),
        ("more/a.txt", "-c ../limits.txt\n-r ../main.txt\n\u{feff}"),
        ("limits.txt", "requests<3\n-r more/b.txt"),
        ("more/b.txt", "urllib3<2"),
    ];
    let expanded = read(&files[..1], &[]).unwrap_err();
    assert!(matches!(*expanded.kind, RequirementsErrorKind::Read { .. }));
    let files = files.map(|(name, text)| (name, text.trim_end_matches('\u{feff}')));
    let mut hashed = files.to_vec();
    hashed[0].1 = main.split("numpy").next().unwrap();
    let expanded = read(&hashed, &[("HOST", "index.example")]).unwrap();
    assert_eq!(
        texts(&expanded.requirements),
        ["main.txt:9 pandas[excel]>=2.0,<3 ; python_full_version >= '3.9'"]
    );
    assert_eq!(texts(&expanded.constraints), ["limits.txt:1 requests<3", "more/b.txt:1 urllib3<2"]);
    assert_eq!(expanded.requirements[0].origin.text, "Pandas[excel] >= 2.0 , < 3 ; python_version > '3.8'");
    let options = &expanded.options;
    assert_eq!(options.index_url.as_deref(), Some("https://index.example/simple"));
    assert_eq!(options.extra_index_urls, ["https://b"]);
    assert_eq!(options.find_links, ["./wheels"]);
    assert!(options.pre && !options.require_hashes && !options.no_index);
    assert_eq!((&options.only_binary, &options.no_binary), (&Names::All, &Names::None));
}

#[test]
fn hashes_are_kept_and_become_required() {
    let text = format!(
        "numpy==1.26.4 \\\n  --hash=sha256:{} \\\r\n  --hash sha512:{}\n",
        "a".repeat(64),
        "b".repeat(128)
    );
    let expanded = read(&[("r.txt", &text)], &[]).unwrap();
    assert!(expanded.options.require_hashes);
    assert_eq!(expanded.requirements[0].hashes.len(), 2);
    assert_eq!((expanded.requirements[0].origin.line, expanded.requirements[0].origin.last_line), (1, 3));
}

#[test]
fn the_fixtures_are_read_or_refused_by_name() {
    let folder = std::env::var_os("UPDRAFT_FIXTURES")
        .map_or_else(
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
            std::path::PathBuf::from,
        )
        .join("requirements");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: the requirements files are not on this machine");
        return;
    };
    let read = |path: &str| std::fs::read(folder.join(path)).map_err(|_| ReadError::NotFound);
    for entry in entries {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        match expand(&[&name], &[], &read, &BTreeMap::new()) {
            Ok(expanded) => assert!(!expanded.requirements.is_empty(), "{name}"),
            Err(error) => panic!("{}", error.render()),
        }
    }
}

#[path = "tests/errors.rs"]
mod errors;
#[path = "tests/places.rs"]
mod places;
#[path = "tests/projects.rs"]
mod projects;
#[path = "tests/soak.rs"]
mod soak;
