//! The load generator against servers that misbehave in known ways.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll::run::load::{Ended, Exchange, Measured, Offer, Watch, run};

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn exchanges() -> Vec<Exchange> {
    vec![Exchange {
        request: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        response: RESPONSE.to_vec(),
    }]
}

/// A server that responds to the n-th request (from 0) with `answer`; it runs as long as the test process.
fn server(answer: impl Fn(u64) -> Option<Vec<u8>> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, number) = (Arc::new(answer), Arc::new(AtomicU64::new(0)));
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection: TcpStream = connection.unwrap();
            let (answer, number) = (Arc::clone(&answer), Arc::clone(&number));
            thread::spawn(move || {
                let mut buffer = [0; 1024];
                while connection.read(&mut buffer).is_ok_and(|read| read > 0) {
                    match answer(number.fetch_add(1, Ordering::SeqCst)) {
                        Some(response) if connection.write_all(&response).is_ok() => {}
                        _ => return,
                    }
                }
            });
        }
    });
    address
}

fn offered(address: SocketAddr, rate: u64, window: Duration, timeout: Duration) -> Measured {
    let offer = Offer {
        address,
        exchanges: &exchanges(),
        rate,
        window,
        connections: 4,
        timeout,
    };
    run(&offer, Watch::default()).expect("the server accepts connections")
}

fn slower_than(histogram: &hdrhistogram::Histogram<u64>, limit: Duration) -> u64 {
    histogram.count_between(limit.as_nanos() as u64, u64::MAX)
}

#[test]
fn a_stall_of_a_second_shows_in_the_latency_of_every_request_that_was_due_in_it() {
    let (stall, rate) = (Duration::from_secs(1), 200);
    // After half a second the server stalls for a second, as in a garbage collection.
    let stalled: Mutex<Option<Instant>> = Mutex::new(None);
    let begun = Instant::now();
    let address = server(move |_| {
        let mut stalled = stalled.lock().unwrap();
        if stalled.is_none() && begun.elapsed() > Duration::from_millis(500) {
            *stalled = Some(Instant::now());
            thread::sleep(stall);
        }
        drop(stalled);
        Some(RESPONSE.to_vec())
    });
    let measured = offered(
        address,
        rate,
        Duration::from_secs(3),
        Duration::from_secs(30),
    );
    assert_eq!(measured.ended, Ended::Complete);
    assert_eq!(
        (measured.answered, measured.errors, measured.timeouts),
        (600, 0, 0)
    );
    // A third of all requests are due in the stall, four fifths of those in its first 800 ms.
    let late = slower_than(&measured.latency, Duration::from_millis(200));
    assert!(late >= 100, "{late} of 600 requests were late");
    let p99 = measured.latency.value_at_quantile(0.99);
    assert!(p99 >= 800_000_000, "p99 is {p99} ns");
    // A client that waits only sees one stalled request per connection.
    let seen = slower_than(&measured.service, Duration::from_millis(200));
    assert!(
        seen >= 1 && seen * 4 <= late,
        "{seen} of {late} without the schedule"
    );
    // A closed loop would report this: the same percentile, from the time of sending.
    let hidden = measured.service.value_at_quantile(0.99);
    assert!(
        hidden < p99 / 2,
        "p99 from sending is {hidden} ns, from due {p99} ns"
    );
}

#[test]
fn a_request_that_is_never_answered_is_given_up_and_counts_with_its_wait() {
    let address = server(|number| match number % 50 == 49 {
        true => {
            thread::sleep(Duration::from_secs(60));
            None
        }
        false => Some(RESPONSE.to_vec()),
    });
    let timeout = Duration::from_millis(300);
    let measured = offered(address, 400, Duration::from_millis(500), timeout);
    assert!(measured.timeouts >= 3, "{} timeouts", measured.timeouts);
    assert_eq!(measured.answered + measured.timeouts + measured.errors, 200);
    assert_eq!(
        measured.latency.len(),
        measured.answered + measured.timeouts
    );
    assert!(slower_than(&measured.latency, timeout) >= measured.timeouts);
    assert!(!measured.is_sustained());
}

#[test]
fn a_server_that_goes_is_noticed_and_what_was_answered_before_is_kept() {
    let address = server(|number| (number < 100).then(|| RESPONSE.to_vec()));
    let measured = offered(
        address,
        1000,
        Duration::from_secs(20),
        Duration::from_secs(30),
    );
    let Ended::ServerGone(why) = &measured.ended else {
        panic!("it ended as {:?}", measured.ended);
    };
    assert!(why.contains("closed the connection"), "{why}");
    // Each of the four connections is used once before the clock starts.
    assert_eq!(measured.answered, 96);
    assert_eq!(measured.latency.len(), 96);
}

#[test]
fn a_wrong_response_is_told_apart_however_little_it_differs() {
    let address = server(|number| {
        let mut response = RESPONSE.to_vec();
        if number == 20 {
            response[RESPONSE.len() - 1] = b'h';
        }
        Some(response)
    });
    let measured = offered(
        address,
        500,
        Duration::from_millis(200),
        Duration::from_secs(30),
    );
    assert_eq!((measured.answered, measured.errors), (99, 1));
    let wrong = measured.wrong.expect("it is told");
    assert!(wrong.contains("\"oh\"") || wrong.contains("oh"), "{wrong}");
}
