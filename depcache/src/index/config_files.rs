//! Index settings of uv and pip: their environment variables and configuration files, as they read them.

use std::path::{Path, PathBuf};

use super::flags::Flags;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What one source says.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// For messages.
    pub(super) origin: &'static str,
    pub(super) index_url: Option<String>,
    pub(super) extra_index_urls: Vec<String>,
    pub(super) find_links: Vec<String>,
    pub(super) no_index: bool,
    pub(super) timeout_s: Option<u64>,
    /// Packages with an index of their own: `name=address`, or `name=name of an index`.
    pub(super) index_for: Vec<(String, String)>,
    /// Indexes that serve only packages that ask for them by this name.
    pub(super) explicit: Vec<(String, String)>,
    pub(super) cert: Option<PathBuf>,
    pub(super) client_cert: Option<PathBuf>,
    pub(super) keyring_provider: Option<String>,
}

impl Configured {
    pub(super) fn from_flags(origin: &'static str, flags: &Flags) -> Self {
        Self {
            origin,
            index_url: flags.index_url.clone(),
            extra_index_urls: flags.extra_index_urls.clone(),
            find_links: flags.find_links.clone(),
            no_index: flags.no_index,
            index_for: flags.index_for.iter().map(|(name, to)| (name.to_string(), to.clone())).collect(),
            cert: flags.cert.clone(),
            client_cert: flags.client_cert.clone(),
            keyring_provider: flags.keyring_provider.clone(),
            ..Self::default()
        }
    }
}

pub(super) fn updraft(environment: Environment<'_>) -> Configured {
    Configured {
        origin: "UPDRAFT_INDEX_URL",
        index_url: set(environment, "UPDRAFT_INDEX_URL"),
        index_for: set(environment, "UPDRAFT_INDEX_FOR").map(|text| pairs(&text)).unwrap_or_default(),
        timeout_s: set(environment, "UPDRAFT_INDEX_TIMEOUT_S").and_then(|text| text.parse().ok()),
        ..Configured::default()
    }
}

pub(super) fn uv_environment(environment: Environment<'_>) -> Configured {
    let get = |name| set(environment, name);
    // UV_INDEX holds more indexes, each perhaps as `name=url`.
    let extra = get("UV_INDEX").or_else(|| get("UV_EXTRA_INDEX_URL"));
    Configured {
        origin: "uv's environment variables",
        index_url: get("UV_DEFAULT_INDEX").or_else(|| get("UV_INDEX_URL")),
        extra_index_urls: extra.map(|text| words(&text)).unwrap_or_default(),
        find_links: get("UV_FIND_LINKS").map(|text| words(&text)).unwrap_or_default(),
        no_index: get("UV_NO_INDEX").is_some_and(|text| truthy(&text)),
        timeout_s: get("UV_HTTP_TIMEOUT").and_then(|text| text.parse().ok()),
        client_cert: get("SSL_CLIENT_CERT").map(PathBuf::from),
        keyring_provider: get("UV_KEYRING_PROVIDER"),
        ..Configured::default()
    }
}

pub(super) fn pip_environment(environment: Environment<'_>) -> Configured {
    let get = |name| set(environment, name);
    Configured {
        origin: "pip's environment variables",
        index_url: get("PIP_INDEX_URL"),
        extra_index_urls: get("PIP_EXTRA_INDEX_URL").map(|text| words(&text)).unwrap_or_default(),
        find_links: get("PIP_FIND_LINKS").map(|text| words(&text)).unwrap_or_default(),
        no_index: get("PIP_NO_INDEX").is_some_and(|text| truthy(&text)),
        timeout_s: get("PIP_DEFAULT_TIMEOUT")
            .or_else(|| get("PIP_TIMEOUT"))
            .and_then(|text| text.parse().ok()),
        cert: get("PIP_CERT").map(PathBuf::from),
        client_cert: get("PIP_CLIENT_CERT").map(PathBuf::from),
        keyring_provider: get("PIP_KEYRING_PROVIDER"),
        ..Configured::default()
    }
}

/// uv's file: `UV_CONFIG_FILE`, else the user's, else the system's.
pub(super) fn uv_files(environment: Environment<'_>) -> Configured {
    let mut places: Vec<PathBuf> =
        set(environment, "UV_CONFIG_FILE").map(PathBuf::from).into_iter().collect();
    places.extend(config_home(environment).map(|home| home.join("uv/uv.toml")));
    places.push("/etc/xdg/uv/uv.toml".into());
    places.push("/etc/uv/uv.toml".into());
    let text = places.iter().find_map(|path| std::fs::read_to_string(path).ok());
    text.map(|text| uv_file(&text)).unwrap_or_default()
}

fn uv_file(text: &str) -> Configured {
    let origin = "uv.toml";
    // A file that uv itself would refuse names no index for us either.
    let Ok(table) = text.parse::<toml::Table>() else { return Configured::default() };
    let sections: Vec<&toml::Table> =
        [Some(&table), table.get("pip").and_then(toml::Value::as_table)].into_iter().flatten().collect();
    let text_of =
        |name: &str| sections.iter().rev().find_map(|table| table.get(name)?.as_str()).map(ToOwned::to_owned);
    let list_of = |name: &str| -> Vec<String> {
        let array = sections.iter().rev().find_map(|table| table.get(name)?.as_array());
        array.into_iter().flatten().filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
    };
    let mut index_url = text_of("index-url");
    let mut extra_index_urls = list_of("extra-index-url");
    let mut explicit = Vec::new();
    for index in table.get("index").and_then(toml::Value::as_array).into_iter().flatten() {
        let Some(url) = index.get("url").and_then(toml::Value::as_str) else { continue };
        let name = index.get("name").and_then(toml::Value::as_str);
        let is = |flag| index.get(flag).and_then(toml::Value::as_bool) == Some(true);
        let named = name.map_or_else(|| url.to_owned(), |name| format!("{name}={url}"));
        match (is("explicit"), name) {
            (true, Some(name)) => explicit.push((name.to_owned(), url.to_owned())),
            (true, None) => {}
            (false, _) if is("default") => index_url = Some(named),
            (false, _) => extra_index_urls.push(named),
        }
    }
    let no_index =
        sections.iter().any(|table| table.get("no-index").and_then(toml::Value::as_bool) == Some(true));
    Configured {
        origin,
        index_url,
        extra_index_urls,
        find_links: list_of("find-links"),
        no_index,
        explicit,
        keyring_provider: text_of("keyring-provider"),
        ..Configured::default()
    }
}

/// pip's files, the stronger first: `PIP_CONFIG_FILE`, user, global.
pub(super) fn pip_files(environment: Environment<'_>) -> Configured {
    let mut places = Vec::new();
    match set(environment, "PIP_CONFIG_FILE") {
        // pip's own way to say "no configuration files".
        Some(path) if path == "/dev/null" => return Configured::default(),
        Some(path) => places.push(PathBuf::from(path)),
        None => {}
    }
    places.extend(config_home(environment).map(|home| home.join("pip/pip.conf")));
    places.extend(environment("HOME").map(|home| Path::new(&home).join(".pip/pip.conf")));
    places.push("/etc/pip.conf".into());
    places.push("/etc/xdg/pip/pip.conf".into());
    let texts = places.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    merged(texts.map(|text| pip_file(&text)))
}

fn merged(files: impl Iterator<Item = Configured>) -> Configured {
    let mut all = Configured { origin: "pip.conf", ..Configured::default() };
    for file in files {
        all.index_url = all.index_url.or(file.index_url);
        all.timeout_s = all.timeout_s.or(file.timeout_s);
        all.no_index |= file.no_index;
        all.cert = all.cert.or(file.cert);
        all.client_cert = all.client_cert.or(file.client_cert);
        all.keyring_provider = all.keyring_provider.or(file.keyring_provider);
        if all.extra_index_urls.is_empty() {
            all.extra_index_urls = file.extra_index_urls;
        }
        if all.find_links.is_empty() {
            all.find_links = file.find_links;
        }
    }
    all
}

/// `[install]` is stronger than `[global]`; a value goes on in indented lines.
fn pip_file(text: &str) -> Configured {
    let (mut install, mut global) = (Configured::default(), Configured::default());
    let mut section = String::new();
    let mut entries: Vec<(String, String, String)> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if line.starts_with(char::is_whitespace) {
            if let Some((_, _, value)) = entries.last_mut() {
                value.push(' ');
                value.push_str(content);
            }
        } else if let Some(at) = content.find(['=', ':']) {
            let key = content[..at].trim().replace('_', "-");
            entries.push((section.clone(), key, content[at + 1..].trim().to_owned()));
        }
    }
    for (section, key, value) in entries {
        let into = match section.as_str() {
            "install" => &mut install,
            "global" => &mut global,
            _ => continue,
        };
        match key.as_str() {
            "index-url" => into.index_url = Some(value),
            "extra-index-url" => into.extra_index_urls = words(&value),
            "find-links" => into.find_links = words(&value),
            "cert" => into.cert = Some(value.into()),
            "client-cert" => into.client_cert = Some(value.into()),
            "keyring-provider" => into.keyring_provider = Some(value),
            "no-index" => into.no_index = truthy(&value),
            "timeout" | "default-timeout" => into.timeout_s = value.parse().ok(),
            _ => {}
        }
    }
    merged([install, global].into_iter())
}

fn config_home(environment: Environment<'_>) -> Option<PathBuf> {
    let xdg = environment("XDG_CONFIG_HOME").filter(|dir| dir.starts_with('/')).map(PathBuf::from);
    xdg.or_else(|| environment("HOME").map(|home| Path::new(&home).join(".config")))
}

fn set(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// `torch=https://… other=name`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, to)| (name.to_owned(), to.to_owned())).collect()
}

fn truthy(text: &str) -> bool {
    ["1", "true", "yes", "on", "y", "t"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_conf_as_pip_reads_it() {
        let read = pip_file(
            "# mine\n[global]\nindex-url = https://g.example/simple\nextra-index-url =\n    https://a.example/\n    \
             https://b.example/\ntimeout = 7\n[install]\nindex_url: https://i.example/simple\n[freeze]\ntimeout=9\n",
        );
        assert_eq!(read.index_url.as_deref(), Some("https://i.example/simple"));
        assert_eq!(read.extra_index_urls, ["https://a.example/", "https://b.example/"]);
        assert_eq!(read.timeout_s, Some(7));
    }

    #[test]
    fn uv_toml_with_default_and_named_indexes() {
        let read = uv_file(
            "[[index]]\nname = \"a\"\nurl = \"https://a.example/\"\n[[index]]\nurl = \"https://d.example/\"\ndefault = true\n\
             [[index]]\nname = \"x\"\nurl = \"https://x.example/\"\nexplicit = true\n[pip]\nfind-links = [\"/w\"]\n",
        );
        assert_eq!(read.index_url.as_deref(), Some("https://d.example/"));
        assert_eq!(read.extra_index_urls, ["a=https://a.example/"]);
        assert_eq!(read.explicit, [("x".to_owned(), "https://x.example/".to_owned())]);
        assert_eq!(read.find_links, ["/w"]);
    }
}
