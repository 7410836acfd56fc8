//! The command line of a worker agent, with places for what differs between workers.

use std::path::Path;

/// A parsed command template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Vec<Part>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Pool,
    Worker,
    Socket,
    Queues,
    Slots,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// What is put into a template.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{pool}`: the pool's name.
    pub pool: &'a str,
    /// `{worker}`: the worker's name, unique over time.
    pub worker: &'a str,
    /// `{socket}`: path of the agent's socket.
    pub socket: &'a Path,
    /// `{queues}`: the pool's queues, joined with commas as Celery's `-q` takes them.
    pub queues: &'a [String],
    /// `{slots}`: Celery's concurrency.
    pub slots: u32,
}

/// Why a word is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No such place.
    #[error(
        "{{{name}}} is no place in a command: expected {{pool}}, {{worker}}, {{socket}}, {{queues}} or {{slots}}"
    )]
    Unknown {
        /// What stands between the braces.
        name: String,
    },
    /// A brace without its partner.
    #[error("`{word}` has an opening brace without a closing one")]
    Open {
        /// The word.
        word: String,
    },
    /// There is no command.
    #[error("the command is empty")]
    Empty,
}

impl Template {
    /// Reads a template. `{{` stands for a brace.
    ///
    /// # Errors
    /// For an unknown place, an open brace and an empty command.
    pub fn parse(words: &[String]) -> Result<Self, TemplateError> {
        if words.first().is_none_or(String::is_empty) {
            return Err(TemplateError::Empty);
        }
        words.iter().map(|word| parse_word(word)).collect::<Result<_, _>>().map(Self)
    }

    /// Puts `values` in.
    pub fn fill(&self, values: &Values<'_>) -> Vec<String> {
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(Place::Pool) => values.pool.to_owned(),
            Part::Place(Place::Worker) => values.worker.to_owned(),
            Part::Place(Place::Socket) => values.socket.display().to_string(),
            Part::Place(Place::Queues) => values.queues.join(","),
            Part::Place(Place::Slots) => values.slots.to_string(),
        };
        self.0.iter().map(|word| word.iter().map(fill).collect()).collect()
    }

    /// Places of `[socket, worker, queues, slots]` that the template lacks.
    pub fn missing(&self) -> Vec<&'static str> {
        let has = |place: Place| self.0.iter().flatten().any(|part| *part == Part::Place(place));
        [
            ("{socket}", Place::Socket),
            ("{worker}", Place::Worker),
            ("{queues}", Place::Queues),
            ("{slots}", Place::Slots),
        ]
        .into_iter()
        .filter(|&(_, place)| !has(place))
        .map(|(name, _)| name)
        .collect()
    }
}

fn parse_word(word: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some((text, after)) = rest.split_once('{') {
        if let Some(after) = after.strip_prefix('{') {
            parts.push(Part::Text(format!("{text}{{")));
            rest = after;
            continue;
        }
        let (name, after) =
            after.split_once('}').ok_or_else(|| TemplateError::Open { word: word.to_owned() })?;
        let place = match name {
            "pool" => Place::Pool,
            "worker" => Place::Worker,
            "socket" => Place::Socket,
            "queues" => Place::Queues,
            "slots" => Place::Slots,
            _ => return Err(TemplateError::Unknown { name: name.to_owned() }),
        };
        parts.push(Part::Text(text.to_owned()));
        parts.push(Part::Place(place));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(words: &[&str]) -> Result<Template, TemplateError> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Template::parse(&words)
    }

    #[test]
    fn places_are_filled_within_words() {
        let values = Values {
            pool: "etl",
            worker: "etl-1",
            socket: Path::new("/s"),
            queues: &["a".to_owned(), "b".to_owned()],
            slots: 4,
        };
        let command = template(&[
            "agent",
            "--socket={socket}",
            "-H",
            "{worker}@%h",
            "-q",
            "{queues}",
            "{{x}",
            "{slots}{pool}",
        ]);
        assert_eq!(
            command.unwrap().fill(&values),
            ["agent", "--socket=/s", "-H", "etl-1@%h", "-q", "a,b", "{x}", "4etl"]
        );
    }

    #[test]
    fn what_is_no_template_is_said() {
        let message = |words: &[&str]| template(words).unwrap_err().to_string();
        insta::assert_snapshot!(
            [message(&["agent", "{sockte}"]), message(&["agent", "{pool"]), message(&[])].join("\n"), @"
        {sockte} is no place in a command: expected {pool}, {worker}, {socket}, {queues} or {slots}
        `{pool` has an opening brace without a closing one
        the command is empty
        ");
        assert_eq!(template(&["agent", "{socket}"]).unwrap().missing(), ["{worker}", "{queues}", "{slots}"]);
    }
}
