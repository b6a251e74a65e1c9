//! What the gateway is told: a line a word, its first word what the line is about.
//!
//! ```text
//! epoch SECONDS                                     when the recording began, Unix time
//! key NAME TEXT                                     what tokens are signed with
//! upstream NAME SERVER..
//! route METHODS PATTERN UPSTREAM TEMPLATE [scope=NAME] [limit=RATE/BURST]
//! ```

use crate::digest::Fnv;
use crate::limit::Limit;
use crate::routes::Table;
use crate::token::Key;

/// All that it is told.
#[derive(Default)]
pub struct Config {
    pub epoch: u64,
    pub keys: Vec<Key>,
    pub upstreams: Vec<Upstream>,
    pub routes: Vec<Route>,
    pub table: Table,
}

/// Servers that are all the same.
pub struct Upstream {
    pub name: String,
    servers: Vec<String>,
}

/// Where requests of one kind go.
pub struct Route {
    pub number: usize,
    pub upstream: usize,
    /// The path there.
    pub template: Vec<Piece>,
    /// What a token must allow; none if no token is asked for.
    pub scope: Option<String>,
    pub limit: Option<Limit>,
}

/// A piece of a path.
pub enum Piece {
    Text(String),
    /// What stood for the pattern's name, by its place among them.
    Parameter(usize),
}

impl Upstream {
    /// The server for a client: the one whose hash with it is the highest, so that one server more
    /// or less moves few clients (rendezvous hashing).
    pub fn server(&self, client: &[u8]) -> &str {
        let hashed = |server: &&String| {
            let mut hash = Fnv::default();
            hash.write(client);
            hash.write(server.as_bytes());
            // FNV's last bytes hardly reach its upper bits.
            let hash = hash.finish();
            (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        self.servers
            .iter()
            .max_by_key(hashed)
            .map_or("", String::as_str)
    }
}

impl Config {
    /// Reads it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "the configuration is not UTF-8")?;
        let mut config = Config::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let read = config.line(&words);
            read.map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        Ok(config)
    }

    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            [] => Ok(()),
            ["epoch", seconds] => {
                self.epoch = number(seconds)?;
                Ok(())
            }
            ["key", name, secret] => {
                self.keys.push(Key::new(name, secret.as_bytes()));
                Ok(())
            }
            ["upstream", name, servers @ ..] if !servers.is_empty() => {
                self.upstreams.push(Upstream {
                    name: (*name).to_owned(),
                    servers: servers.iter().map(|server| (*server).to_owned()).collect(),
                });
                Ok(())
            }
            ["route", methods, pattern, upstream, template, options @ ..] => {
                self.route(methods, pattern, upstream, template, options)
            }
            [word, ..] => Err(format!("{word:?} is not understood")),
        }
    }

    fn route(
        &mut self,
        methods: &str,
        pattern: &str,
        upstream: &str,
        template: &str,
        options: &[&str],
    ) -> Result<(), String> {
        let known = self
            .upstreams
            .iter()
            .position(|known| known.name == upstream);
        let names: Vec<&str> = pattern.split('/').filter_map(parameter).collect();
        let mut route = Route {
            number: self.routes.len(),
            upstream: known.ok_or_else(|| format!("there is no upstream {upstream:?}"))?,
            template: pieces(template, &names)?,
            scope: None,
            limit: None,
        };
        for option in options {
            match option.split_once('=') {
                Some(("scope", scope)) => route.scope = Some(scope.to_owned()),
                Some(("limit", limit)) => {
                    let (rate, burst) = limit.split_once('/').ok_or("limit=RATE/BURST")?;
                    let (rate, burst) = (number(rate)?, number(burst)?);
                    route.limit = Some(Limit { rate, burst });
                }
                _ => return Err(format!("{option:?} is not understood")),
            }
        }
        self.table.add(methods, pattern, route.number);
        self.routes.push(route);
        Ok(())
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix([':', '*'])
}

fn pieces(template: &str, names: &[&str]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    for segment in template.split('/').skip(1) {
        text.push('/');
        let Some(name) = parameter(segment) else {
            text.push_str(segment);
            continue;
        };
        let place = names.iter().position(|&known| known == name);
        let place = place.ok_or_else(|| format!("the pattern has no {name:?}"))?;
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Parameter(place));
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}
