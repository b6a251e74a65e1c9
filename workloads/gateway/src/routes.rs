//! Which route a path belongs to: a tree of segments, the more exact one first.

/// A table of routes.
#[derive(Default)]
pub struct Table {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// By their segment, in order.
    exact: Vec<(String, usize)>,
    /// `:name`: any one segment.
    one: Option<usize>,
    /// `*name`: all that is left.
    rest: Vec<(String, usize)>,
    /// Method and route of what ends here.
    ends: Vec<(String, usize)>,
}

/// What was found.
pub enum Found {
    /// This route.
    Route(usize),
    /// A route for other methods only.
    OtherMethod,
    /// None.
    Nothing,
}

impl Table {
    /// Adds a route.
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

    /// The route of a normalised path; `parameters` takes what stands for its names, in order.
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
