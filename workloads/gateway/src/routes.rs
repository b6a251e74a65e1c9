//! Finds the route of a path, in a tree of segments. More specific routes take precedence.

/// The route table.
#[derive(Default)]
pub struct Table {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Literal segments, sorted.
    exact: Vec<(String, usize)>,
    /// `:name`: any single segment.
    one: Option<usize>,
    /// `*name`: all remaining segments.
    rest: Vec<(String, usize)>,
    /// Methods and routes that end here.
    ends: Vec<(String, usize)>,
}

/// The result of a look-up.
pub enum Found {
    /// The route.
    Route(usize),
    /// Only routes for other methods match.
    OtherMethod,
    /// No route matches.
    Nothing,
}

impl Table {
    /// Adds a route for some methods.
    pub fn add(&mut self, methods: &str, pattern: &str, route: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let ends = || methods.split(',').map(|method| (method.to_owned(), route));
        let mut at = 0;
        for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
            if segment.starts_with('*') {
                self.nodes[at].rest.extend(ends());
                return;
            }
            let new = self.nodes.len();
            let node = &mut self.nodes[at];
            at = if segment.starts_with(':') {
                *node.one.get_or_insert(new)
            } else {
                match node
                    .exact
                    .binary_search_by(|(held, _)| held.as_str().cmp(segment))
                {
                    Ok(known) => node.exact[known].1,
                    Err(place) => {
                        node.exact.insert(place, (segment.to_owned(), new));
                        new
                    }
                }
            };
            if at == new {
                self.nodes.push(Node::default());
            }
        }
        self.nodes[at].ends.extend(ends());
    }

    /// Finds the route of a normalised path. `parameters` receives the parameters' values, in order.
    pub fn find<'p>(&self, method: &str, path: &'p str, parameters: &mut Vec<&'p str>) -> Found {
        if self.nodes.is_empty() {
            return Found::Nothing;
        }
        self.below(0, method, path, parameters)
    }

    fn below<'p>(
        &self,
        at: usize,
        method: &str,
        path: &'p str,
        parameters: &mut Vec<&'p str>,
    ) -> Found {
        let node = &self.nodes[at];
        let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
            return of_method(&node.ends, method);
        };
        let (segment, left) = path.split_at(path.find('/').unwrap_or(path.len()));
        let mut found = Found::Nothing;
        let exact = node
            .exact
            .binary_search_by(|(held, _)| held.as_str().cmp(segment));
        if let Ok(known) = exact {
            found = self.below(node.exact[known].1, method, left, parameters);
        }
        if let (false, Some(one)) = (matches!(found, Found::Route(_)), node.one) {
            let before = parameters.len();
            parameters.push(segment);
            match self.below(one, method, left, parameters) {
                Found::Nothing => parameters.truncate(before),
                Found::OtherMethod => {
                    parameters.truncate(before);
                    found = Found::OtherMethod;
                }
                route @ Found::Route(_) => return route,
            }
        }
        if !matches!(found, Found::Route(_)) && !node.rest.is_empty() {
            match of_method(&node.rest, method) {
                Found::Nothing => {}
                Found::OtherMethod => found = Found::OtherMethod,
                route @ Found::Route(_) => {
                    parameters.push(path);
                    return route;
                }
            }
        }
        found
    }
}

fn of_method(ends: &[(String, usize)], method: &str) -> Found {
    match ends.iter().find(|(held, _)| held == method) {
        Some(&(_, route)) => Found::Route(route),
        None if ends.is_empty() => Found::Nothing,
        None => Found::OtherMethod,
    }
}
