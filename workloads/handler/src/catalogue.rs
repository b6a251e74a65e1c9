//! What is on sale: a table that is part of the program, searched where it lies.

/// A line an article: number, name, category, price in cents, pieces in stock; tabs between.
const TABLE: &str = include_str!("catalogue.tsv");

#[derive(Clone, Copy)]
pub struct Item {
    pub id: u32,
    pub name: &'static str,
    pub category: &'static str,
    pub cents: u64,
    pub stock: u32,
}

/// Every article, by number.
pub fn items() -> impl Iterator<Item = Item> {
    TABLE.lines().map(|line| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        Item {
            id: field().parse().unwrap_or_default(),
            name: field(),
            category: field(),
            cents: field().parse().unwrap_or_default(),
            stock: field().parse().unwrap_or_default(),
        }
    })
}

/// The article with this number.
pub fn find(id: u64) -> Option<Item> {
    // Numbers are lines, from 1.
    let at = usize::try_from(id).ok()?.checked_sub(1)?;
    items().nth(at)
}

/// Whether `name` holds `words`, whatever their case.
pub fn holds(name: &str, words: &str) -> bool {
    let (name, words) = (name.as_bytes(), words.as_bytes());
    words.is_empty()
        || name
            .windows(words.len())
            .any(|part| part.eq_ignore_ascii_case(words))
}
