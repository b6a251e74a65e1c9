//! A small shop in an in-memory SQLite: inserts in a transaction, indexes, joins, aggregates, a window
//! function, updates and deletes. A bytecode interpreter over B-trees, written in C.

use std::env;
use std::error::Error;

use rusqlite::{Connection, OpenFlags, params};

const SCHEMA: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL);
    CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL);
    CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer,
        day INTEGER NOT NULL);
    CREATE TABLE item (purchase INTEGER NOT NULL REFERENCES purchase,
        product INTEGER NOT NULL REFERENCES product, quantity INTEGER NOT NULL);
";

const INDEXES: &str = "
    CREATE INDEX purchase_by_customer ON purchase (customer, day);
    CREATE INDEX item_by_purchase ON item (purchase);
    CREATE INDEX item_by_product ON item (product);
    ANALYZE;
";

/// Each is printed row by row. Everything is integer arithmetic: sums of money are in cents.
const QUERIES: [(&str, &str); 5] = [
    (
        "turnover by region",
        "SELECT region, count(DISTINCT purchase.id), sum(quantity * cents)
           FROM customer JOIN purchase ON purchase.customer = customer.id
           JOIN item ON item.purchase = purchase.id JOIN product ON product.id = item.product
          GROUP BY region ORDER BY region",
    ),
    (
        "best customers",
        "SELECT customer.name, count(*), sum(quantity * cents) AS spent
           FROM customer JOIN purchase ON purchase.customer = customer.id
           JOIN item ON item.purchase = purchase.id JOIN product ON product.id = item.product
          GROUP BY customer.id ORDER BY spent DESC, customer.id LIMIT 3",
    ),
    (
        "bought together",
        "SELECT a.product || '+' || b.product, count(*) AS times, sum(a.quantity + b.quantity)
           FROM item a JOIN item b ON a.purchase = b.purchase AND a.product < b.product
          GROUP BY a.product, b.product ORDER BY times DESC, a.product, b.product LIMIT 3",
    ),
    (
        "longest silence of a customer",
        "SELECT customer, day, day - before AS days FROM
            (SELECT customer, day, lag(day) OVER (PARTITION BY customer ORDER BY day) AS before
               FROM purchase)
          WHERE before IS NOT NULL ORDER BY days DESC, customer, day LIMIT 3",
    ),
    (
        "names like",
        "SELECT substr(name, 1, 2), count(*), sum(length(name)) FROM customer
          WHERE name LIKE '%an%' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
    ),
];

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the rows are the same on every machine.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    fn name(&mut self) -> String {
        const SYLLABLES: [&str; 12] = [
            "an", "bel", "cor", "da", "el", "fin", "gar", "hol", "is", "jan", "ker", "lo",
        ];
        let syllables = 2 + self.below(3);
        (0..syllables)
            .map(|_| SYLLABLES[self.below(SYLLABLES.len() as u64) as usize])
            .collect()
    }
}

/// Fills the tables and gives the number of rows inserted.
fn fill(connection: &mut Connection, purchases: u64) -> rusqlite::Result<u64> {
    const REGIONS: [&str; 4] = ["east", "north", "south", "west"];
    let mut random = SplitMix64(7);
    let customers = purchases / 8;
    let products = 200;
    let mut rows = 0;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO customer VALUES (?1, ?2, ?3)")?;
        for id in 1..=customers {
            rows += insert.execute(params![
                id as i64,
                random.name(),
                REGIONS[random.below(4) as usize]
            ])? as u64;
        }
        let mut insert = transaction.prepare("INSERT INTO product VALUES (?1, ?2, ?3)")?;
        for id in 1..=products {
            rows += insert.execute(params![
                id as i64,
                random.name(),
                99 + random.below(20_000) as i64
            ])? as u64;
        }
        let mut purchase = transaction.prepare("INSERT INTO purchase VALUES (?1, ?2, ?3)")?;
        let mut item = transaction.prepare("INSERT INTO item VALUES (?1, ?2, ?3)")?;
        for id in 1..=purchases {
            rows += purchase.execute(params![
                id as i64,
                1 + random.below(customers) as i64,
                random.below(1000) as i64
            ])? as u64;
            for _ in 0..=random.below(4) {
                rows += item.execute(params![
                    id as i64,
                    1 + random.below(products) as i64,
                    1 + random.below(5) as i64
                ])? as u64;
            }
        }
    }
    transaction.commit()?;
    Ok(rows)
}

/// Looks purchases up one at a time through an index, as a request handler does.
fn look_up(connection: &Connection, times: u64) -> rusqlite::Result<i64> {
    let mut random = SplitMix64(11);
    let mut select = connection.prepare(
        "SELECT coalesce(sum(quantity), 0) FROM item JOIN purchase ON purchase.id = item.purchase
          WHERE purchase.customer = ?1 AND day < 500",
    )?;
    let mut sum = 0;
    for _ in 0..times {
        let customer = 1 + random.below(times / 8) as i64;
        sum += select.query_row([customer], |row| row.get::<_, i64>(0))?;
    }
    Ok(sum)
}

fn main() -> Result<(), Box<dyn Error>> {
    let purchases: u64 = env::args()
        .nth(1)
        .ok_or("usage: sqlite PURCHASES")?
        .parse()?;
    println!("sqlite {}", rusqlite::version());

    // No mutex on the connection: the wasm build has no threads, so native must not pay for them.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_in_memory_with_flags(flags)?;
    connection.execute_batch(SCHEMA)?;
    let rows = fill(&mut connection, purchases)?;
    println!("{rows} rows inserted");
    connection.execute_batch(INDEXES)?;

    for (name, query) in QUERIES {
        println!("{name}");
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let first: rusqlite::types::Value = row.get(0)?;
            let first = match first {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => return Err(format!("a query gave {other:?}").into()),
            };
            println!(
                "  {first} {} {}",
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?
            );
        }
    }

    println!("looked up {}", look_up(&connection, purchases)?);
    let raised = connection.execute(
        "UPDATE product SET cents = cents * 11 / 10 WHERE id % 3 = 0",
        [],
    )?;
    let dropped = connection.execute(
        "DELETE FROM item WHERE purchase IN (SELECT id FROM purchase WHERE day % 10 = 0)",
        [],
    )?;
    println!("{raised} prices raised, {dropped} items dropped");
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    println!("integrity {check}");
    Ok(())
}
