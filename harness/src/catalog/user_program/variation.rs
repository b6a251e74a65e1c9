//! Lists of parameters: one program, one row per combination of values.

use std::collections::BTreeSet;

use crate::exit::Usage;

/// A parameter with its values, as in `--param size=1,10,100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Param {
    name: String,
    values: Vec<String>,
}

/// One value for every parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Variation(Vec<(String, String)>);

impl Param {
    /// Parses `name=value,value`.
    ///
    /// # Errors
    /// [`Usage`] if it has no name or no value, or a value twice.
    pub(super) fn of(text: &str) -> Result<Self, Usage> {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let distinct: BTreeSet<&String> = values.iter().collect();
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_name = !name.is_empty() && name.chars().all(is_word);
        if !is_name || values.iter().any(String::is_empty) || distinct.len() < values.len() {
            return Err(Usage(format!(
                "--param {text}: give a name and its values, each once, for example size=1,10,100"
            )));
        }
        Ok(Param {
            name: name.to_owned(),
            values,
        })
    }

    fn placeholder(&self) -> String {
        format!("{{{}}}", self.name)
    }
}

impl Variation {
    /// All combinations of values; the first parameter changes slowest. `templates` are the texts
    /// that may contain placeholders.
    ///
    /// # Errors
    /// [`Usage`] if a parameter is in none of `templates` or is named twice, or if two combinations
    /// would have the same name.
    pub(super) fn all(params: &[Param], templates: &[&str]) -> Result<Vec<Self>, Usage> {
        let mut all = vec![Variation::default()];
        for (nth, param) in params.iter().enumerate() {
            let placeholder = param.placeholder();
            if !templates.iter().any(|text| text.contains(&placeholder)) {
                return Err(Usage(format!(
                    "--param {}: {placeholder} stands neither in an argument nor in --env or --prepare",
                    param.name
                )));
            }
            if params[..nth].iter().any(|other| other.name == param.name) {
                return Err(Usage(format!("--param {} is given twice", param.name)));
            }
            let with = |before: &Variation, value: &String| {
                let mut pairs = before.0.clone();
                pairs.push((param.name.clone(), value.clone()));
                Variation(pairs)
            };
            all = all
                .iter()
                .flat_map(|before| param.values.iter().map(|value| with(before, value)))
                .collect();
        }
        let names: BTreeSet<String> = all.iter().map(Variation::suffix).collect();
        match names.len() == all.len() {
            true => Ok(all),
            false => Err(Usage(
                "--param: two values differ only in characters that no row's name can have"
                    .to_owned(),
            )),
        }
    }

    /// The end of its workload's id: `@size=10`.
    pub(super) fn suffix(&self) -> String {
        let fit = |c: char| match c.is_ascii_alphanumeric() || "._+-".contains(c) {
            true => c,
            false => '-',
        };
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| {
            let value: String = value.chars().map(fit).collect();
            format!("@{name}={value}")
        });
        pairs.collect()
    }

    /// Replaces every placeholder in `text`.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// The parameters and their values.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_a_row_of_its_own() {
        let params = [
            Param::of("size=1,10").unwrap(),
            Param::of("mode=a/b,c").unwrap(),
        ];
        let all = Variation::all(&params, &["{size}", "--mode={mode}"]).unwrap();
        let names: Vec<String> = all.iter().map(Variation::suffix).collect();
        assert_eq!(
            names,
            [
                "@size=1@mode=a-b",
                "@size=1@mode=c",
                "@size=10@mode=a-b",
                "@size=10@mode=c"
            ]
        );
        assert_eq!(all[2].fill("{size}:{mode}:{other}"), "10:a/b:{other}");
        assert_eq!(Variation::all(&[], &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_parameter_that_varies_nothing_is_a_mistake() {
        for text in ["size", "size=", "=1", "size=1,,2", "size=1,1", "a b=1"] {
            assert!(Param::of(text).is_err(), "{text}");
        }
        let size = Param::of("size=1,2").unwrap();
        assert!(Variation::all(std::slice::from_ref(&size), &["{sizes}"]).is_err());
        assert!(Variation::all(&[size.clone(), size], &["{size}"]).is_err());
        let same = Param::of("x=a/b,a-b").unwrap();
        assert!(Variation::all(&[same], &["{x}"]).is_err());
    }
}
