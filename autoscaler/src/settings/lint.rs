//! The rules that a settings file must or should keep.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;

use super::findings::{Findings, Level};
use super::template::Template;
use super::{File, PoolTable, TICK_MS};

/// `sun_path` of a Unix socket address, with its closing zero.
const SOCKET_PATH_MAX: usize = 107;
/// Length of `/<pool>/<id>.sock` without the pool's name.
const SOCKET_NAME_LEN: usize = 20;
/// A drain shorter than this loses what many DAGs run.
const DRAIN_TIMEOUT_LOW_S: u64 = 600;

pub(super) fn check(file: &File, state_dir: &Path, findings: &mut Findings) {
    if let Some(tick_ms) = &file.tick_ms
        && !TICK_MS.contains(tick_ms.get_ref())
    {
        let message =
            format!("tick_ms is {}, expected {} to {}", tick_ms.get_ref(), TICK_MS.start(), TICK_MS.end());
        findings.add(Level::Error, tick_ms.span(), message, "250 is a good value");
    }
    if file.pools.is_empty() {
        let hint = "add [pools.NAME] with queues and command";
        findings.add(Level::Error, 0..0, "there is no pool".to_owned(), hint);
    }
    let sources = [file.broker.url.is_some(), file.broker.url_env.is_some(), file.broker.url_file.is_some()];
    if sources.iter().filter(|&&given| given).count() > 1 {
        let message = "the broker's URL is given more than once".to_owned();
        findings.add(Level::Error, 0..0, message, "keep one of url, url_env and url_file");
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, table) in &file.pools {
        check_name(name, state_dir, findings);
        check_command(name, table, findings);
        check_numbers(name, table, findings);
        if table.queues.get_ref().is_empty() {
            let message = format!("pool {} has no queue", name.get_ref());
            findings.add(Level::Error, table.queues.span(), message, "name at least one Celery queue");
        }
        for queue in table.queues.get_ref() {
            if queue.get_ref().is_empty() || queue.get_ref().contains(',') {
                let message = format!("`{}` is no queue name", queue.get_ref());
                findings.add(Level::Error, queue.span(), message, "one name per entry, without commas");
            }
            if let Some(owner) = owners.insert(queue.get_ref(), name.get_ref()) {
                let message =
                    format!("queue {} is in pool {owner} and in pool {}", queue.get_ref(), name.get_ref());
                let hint = "each queue belongs to one pool: two would both start workers for the same tasks";
                findings.add(Level::Error, queue.span(), message, hint);
            }
        }
    }
}

fn check_name(name: &Spanned<String>, state_dir: &Path, findings: &mut Findings) {
    let text = name.get_ref();
    let fits = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-');
    if !fits {
        let message = format!("`{text}` is no pool name");
        findings.add(Level::Error, name.span(), message, "lower case letters, digits and - only");
    }
    let length = state_dir.as_os_str().len() + text.len() + SOCKET_NAME_LEN;
    if length > SOCKET_PATH_MAX {
        let message = format!(
            "the sockets of pool {text} would have paths of {length} bytes, at most {SOCKET_PATH_MAX} work"
        );
        findings.add(Level::Error, name.span(), message, "choose a shorter state_dir");
    }
}

fn check_command(name: &Spanned<String>, table: &PoolTable, findings: &mut Findings) {
    let words = table.command.get_ref();
    for word in words {
        if let Err(error) = Template::parse(&["x".to_owned(), word.get_ref().clone()]) {
            findings.add(Level::Error, word.span(), error.to_string(), "write {{ for a plain brace");
        }
    }
    let plain: Vec<String> = words.iter().map(|word| word.get_ref().clone()).collect();
    let Ok(template) = Template::parse(&plain) else {
        if words.first().is_none_or(|word| word.get_ref().is_empty()) {
            let message = format!("the command of pool {} is empty", name.get_ref());
            findings.add(
                Level::Error,
                table.command.span(),
                message,
                "it starts with the worker agent's program",
            );
        }
        return;
    };
    for place in template.missing() {
        let message = format!("the command of pool {} lacks {place}", name.get_ref());
        if place == "{socket}" {
            let hint = "without the agent's socket a worker can neither be watched nor drained";
            findings.add(Level::Error, table.command.span(), message, hint);
        } else {
            let hint = "airflow celery worker -q {queues} -c {slots} -H {worker}@%h";
            findings.add(Level::Warning, table.command.span(), message, hint);
        }
    }
}

fn check_numbers(name: &Spanned<String>, table: &PoolTable, findings: &mut Findings) {
    let (policy, pool) = (table.policy(), name.get_ref());
    let at = |value: Option<std::ops::Range<usize>>| value.unwrap_or_else(|| name.span());
    let span32 = |value: &Option<Spanned<u32>>| at(value.as_ref().map(Spanned::span));
    let span64 = |value: &Option<Spanned<u64>>| at(value.as_ref().map(Spanned::span));
    for (what, value, span) in [
        ("slots_per_worker", policy.slots_per_worker, span32(&table.slots_per_worker)),
        ("max", policy.max, span32(&table.max)),
        ("max_starting", policy.max_starting, span32(&table.max_starting)),
    ] {
        if value == 0 {
            findings.add(Level::Error, span, format!("{what} of pool {pool} is 0"), "at least 1");
        }
    }
    if policy.min > policy.max {
        let message = format!("min of pool {pool} is {}, above its max of {}", policy.min, policy.max);
        findings.add(Level::Error, span32(&table.min), message, "min must not exceed max");
    }
    if policy.max_step_down_percent > 100 {
        let message = format!("max_step_down_percent of pool {pool} is {}", policy.max_step_down_percent);
        findings.add(Level::Error, span32(&table.max_step_down_percent), message, "0 to 100");
    }
    if policy.drain_timeout_s < DRAIN_TIMEOUT_LOW_S {
        let message = format!("drain_timeout_s of pool {pool} is {}", policy.drain_timeout_s);
        let hint = "tasks that run longer than that on a worker that goes are lost; the default is a day";
        findings.add(Level::Warning, span64(&table.drain_timeout_s), message, hint);
    }
    if policy.wait_s <= policy.start_s {
        let message = format!(
            "wait_s of pool {pool} is {}, not above start_s ({}), the time a new worker needs",
            policy.wait_s, policy.start_s
        );
        let hint = "from zero workers it cannot be kept: raise wait_s or min";
        findings.add(Level::Warning, span64(&table.wait_s), message, hint);
    }
    if policy.idle_s < policy.start_s {
        let message =
            format!("idle_s of pool {pool} is {}, below start_s ({})", policy.idle_s, policy.start_s);
        let hint = "workers would go sooner than new ones come: raise idle_s";
        findings.add(Level::Warning, span64(&table.idle_s), message, hint);
    }
}
