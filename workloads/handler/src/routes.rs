//! What the service answers.
//!
//! ```text
//! GET  /health               {"status":"ok","items":..}
//! GET  /items?q=..&page=..   articles whose name holds q, cheapest first, twenty a page
//! GET  /items/ID             one article
//! POST /aggregate            an order, a JSON array of {"id":..,"quantity":..}: totals by category
//! ```

use std::fmt::Write;

use crate::catalogue::{self, Item};
use crate::json;
use crate::message::{Request, Response, Status};
use crate::query;

const PAGE: usize = 20;
/// Most pieces of one article in an order: no total can overflow.
const MOST_PIECES: i64 = 1_000_000;

/// The response to a request.
pub fn answer(request: &Request<'_>) -> Response {
    let answered = match (request.path, request.method) {
        ("/health", "GET") => health(),
        ("/items", "GET") => search(request.query),
        ("/aggregate", "POST") => aggregate(request.body),
        ("/health" | "/items", _) => Err((Status::MethodNotAllowed, "only GET is allowed here")),
        ("/aggregate", _) => Err((Status::MethodNotAllowed, "only POST is allowed here")),
        (path, method) => match path.strip_prefix("/items/") {
            Some(id) if method == "GET" => one(id),
            Some(_) => Err((Status::MethodNotAllowed, "only GET is allowed here")),
            None => Err((Status::NotFound, "there is nothing here")),
        },
    };
    match answered {
        Ok(body) => Response {
            status: Status::Ok,
            allow: None,
            body,
        },
        Err((status, why)) => {
            let allow = match (status, request.path) {
                (Status::MethodNotAllowed, "/aggregate") => Some("POST"),
                (Status::MethodNotAllowed, _) => Some("GET"),
                _ => None,
            };
            Response::error(status, allow, why)
        }
    }
}

type Answer = Result<String, (Status, &'static str)>;

// Writing to a String does not fail: the results of write! are dropped throughout.

fn health() -> Answer {
    Ok(format!(
        "{{\"status\":\"ok\",\"items\":{}}}",
        catalogue::items().count()
    ))
}

fn one(id: &str) -> Answer {
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    let id = id.parse().ok().filter(|_| digits);
    let id = id.ok_or((Status::BadRequest, "an article's number is a whole number"))?;
    let item = catalogue::find(id).ok_or((Status::NotFound, "there is no such article"))?;
    let mut body = String::new();
    write_item(&mut body, &item);
    Ok(body)
}

fn search(text: &str) -> Answer {
    let bad = |why| (Status::BadRequest, why);
    let words = query::parameter(text, "q")
        .map_err(bad)?
        .unwrap_or_default();
    let page = match query::parameter(text, "page").map_err(bad)? {
        None => 1,
        Some(page) => match page.parse::<usize>() {
            Ok(page) if page > 0 => page,
            _ => return Err(bad("a page is a whole number from 1")),
        },
    };
    let mut found: Vec<Item> = catalogue::items()
        .filter(|item| catalogue::holds(item.name, &words))
        .collect();
    found.sort_by_key(|item| (item.cents, item.id));
    let pages = found.len().div_ceil(PAGE);
    let first = page.saturating_sub(1).saturating_mul(PAGE);
    let mut body = String::with_capacity(2048);
    body.push_str("{\"q\":");
    json::write_string(&mut body, &words);
    let _ = write!(
        body,
        ",\"found\":{},\"page\":{page},\"pages\":{pages},\"items\":[",
        found.len()
    );
    for (n, item) in found.iter().skip(first).take(PAGE).enumerate() {
        if n > 0 {
            body.push(',');
        }
        write_item(&mut body, item);
    }
    body.push_str("]}");
    Ok(body)
}

fn write_item(body: &mut String, item: &Item) {
    let _ = write!(body, "{{\"id\":{},\"name\":", item.id);
    json::write_string(body, item.name);
    body.push_str(",\"category\":");
    json::write_string(body, item.category);
    let _ = write!(body, ",\"cents\":{},\"stock\":{}}}", item.cents, item.stock);
}

/// Totals of one category.
struct Total {
    category: &'static str,
    pieces: u64,
    cents: u64,
}

fn aggregate(body: &[u8]) -> Answer {
    let wrong = |why| (Status::UnprocessableContent, why);
    let order = json::parse(body).ok_or((Status::BadRequest, "the body is not JSON"))?;
    let json::Value::Array(lines) = order else {
        return Err(wrong("an order is an array"));
    };
    let catalogue: Vec<Item> = catalogue::items().collect();
    let mut totals: Vec<Total> = Vec::new();
    let (mut pieces, mut cents, mut missing) = (0, 0, 0);
    for line in &lines {
        let number = |name| line.get(name).and_then(json::Value::integer);
        let (Some(id), Some(quantity)) = (number("id"), number("quantity")) else {
            return Err(wrong("a line of an order has an id and a quantity"));
        };
        if !(1..=MOST_PIECES).contains(&quantity) {
            return Err(wrong("a quantity is a whole number from 1 to 1000000"));
        }
        let at = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
        let Some(item) = at.and_then(|at| catalogue.get(at)) else {
            return Err(wrong("an article of the order does not exist"));
        };
        let quantity = quantity.unsigned_abs();
        missing += quantity.saturating_sub(item.stock.into());
        pieces += quantity;
        cents += quantity * item.cents;
        let known = totals
            .iter()
            .position(|total| total.category == item.category);
        let at = known.unwrap_or_else(|| {
            totals.push(Total {
                category: item.category,
                pieces: 0,
                cents: 0,
            });
            totals.len() - 1
        });
        totals[at].pieces += quantity;
        totals[at].cents += quantity * item.cents;
    }
    totals.sort_by_key(|total| (std::cmp::Reverse(total.cents), total.category));
    let mut body = format!(
        "{{\"lines\":{},\"pieces\":{pieces},\"cents\":{cents},\"not_in_stock\":{missing},\"categories\":[",
        lines.len()
    );
    for (n, total) in totals.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        body.push_str("{\"category\":");
        json::write_string(&mut body, total.category);
        let _ = write!(
            body,
            ",\"pieces\":{},\"cents\":{}}}",
            total.pieces, total.cents
        );
    }
    body.push_str("]}");
    Ok(body)
}
