//! Rows of CSV (RFC 4180) out of chunks that end anywhere.

/// More fields than any row has.
const FIELDS: usize = 12;

/// What has been read and not yet been handed out.
pub struct Rows {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// Quotes are undone here, one field after the other.
    undone: Vec<u8>,
}

/// The fields of a row.
pub struct Fields<'r> {
    bytes: &'r [u8],
    undone: &'r [u8],
    fields: [Field; FIELDS],
    count: usize,
}

#[derive(Clone, Copy)]
enum Field {
    /// As it stands in the row.
    Plain(usize, usize),
    /// Out of its quotes.
    Undone(usize, usize),
}

impl Fields<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// One of them; empty where there is none.
    pub fn get(&self, at: usize) -> &[u8] {
        match self.fields[..self.count].get(at) {
            Some(&Field::Plain(from, to)) => &self.bytes[from..to],
            Some(&Field::Undone(from, to)) => &self.undone[from..to],
            None => &[],
        }
    }
}

impl Rows {
    /// For chunks of this many bytes.
    pub fn new(chunk: usize) -> Self {
        Rows {
            buffer: vec![0; chunk * 2],
            begin: 0,
            end: 0,
            undone: Vec::new(),
        }
    }

    /// Where the next chunk goes, this many bytes.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.buffer.len() < self.end + bytes {
            self.buffer.resize(self.end + bytes, 0);
        }
        &mut self.buffer[self.end..self.end + bytes]
    }

    /// How much of the room was used.
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// The next row that is there to its end.
    pub fn next(&mut self) -> Option<Fields<'_>> {
        let (length, fields, count) = self.scan()?;
        let from = self.begin;
        self.begin += length;
        Some(Fields {
            bytes: &self.buffer[from..],
            undone: &self.undone,
            fields,
            count,
        })
    }

    /// What is left, as a row.
    pub fn last(&mut self) -> Option<Fields<'_>> {
        if self.begin == self.end {
            return None;
        }
        self.room(1)[0] = b'\n';
        self.filled(1);
        self.next()
    }

    /// Length of the row with its line feed, and its fields.
    fn scan(&mut self) -> Option<(usize, [Field; FIELDS], usize)> {
        let bytes = &self.buffer[self.begin..self.end];
        let mut fields = [Field::Plain(0, 0); FIELDS];
        let mut count = 0;
        self.undone.clear();
        let mut at = 0;
        loop {
            let field = if bytes.get(at) == Some(&b'"') {
                let (field, after) = quoted(bytes, at + 1, &mut self.undone)?;
                at = after;
                field
            } else {
                let length = bytes[at..]
                    .iter()
                    .position(|&byte| byte == b',' || byte == b'\n')?;
                let from = at;
                at += length;
                let carriage_return = length > 0 && bytes[at] == b'\n' && bytes[at - 1] == b'\r';
                Field::Plain(from, at - usize::from(carriage_return))
            };
            if count < FIELDS {
                fields[count] = field;
            }
            count += 1;
            match bytes.get(at)? {
                b'\n' => return Some((at + 1, fields, count.min(FIELDS))),
                b'\r' if bytes.get(at + 1)? == &b'\n' => {
                    return Some((at + 2, fields, count.min(FIELDS)));
                }
                _ => at += 1,
            }
        }
    }
}

/// A field that begins after its quote; gives where the text goes on after its other quote.
fn quoted(bytes: &[u8], from: usize, undone: &mut Vec<u8>) -> Option<(Field, usize)> {
    let begin = undone.len();
    let mut at = from;
    loop {
        let length = bytes.get(at..)?.iter().position(|&byte| byte == b'"')?;
        undone.extend_from_slice(&bytes[at..at + length]);
        at += length + 1;
        if bytes.get(at)? != &b'"' {
            return Some((Field::Undone(begin, undone.len()), at));
        }
        undone.push(b'"');
        at += 1;
    }
}
