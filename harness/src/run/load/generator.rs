//! The schedule: sends requests at a constant rate over a number of connections, on one thread.
//!
//! A due request is sent on the connection that has been idle longest; without an idle one it waits. Due
//! times come from the clock, never from the previous request. A timer descriptor has a resolution of
//! microseconds. Timers of asynchronous runtimes have 1 ms, within which fifty requests may be due.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::connection::{Connection, Progress, UnderWay};
use super::exchange::Exchange;
use super::measured::{Ended, Measured};

/// Interval between checks for timed-out requests.
const LOOK: Duration = Duration::from_millis(10);
/// Number of consecutive failures without a response that mean the server is gone.
const HOPELESS: u32 = 64;

const TIMER: u64 = u64::MAX;
const INTERRUPT: u64 = u64::MAX - 1;
const SERVER: u64 = u64::MAX - 2;

/// The load to offer to a server.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    /// The server's address.
    pub address: SocketAddr,
    /// The requests, sent in this order and repeated.
    pub exchanges: &'a [Exchange],
    /// Requests per second.
    pub rate: u64,
    /// Duration.
    pub window: Duration,
    /// Number of connections.
    pub connections: usize,
    /// Time limit of a request, from its scheduled time.
    pub timeout: Duration,
}

/// Descriptors that end the load when they become readable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch<'a> {
    /// The user's interruption.
    pub interrupt: Option<BorrowedFd<'a>>,
    /// The exit of the server.
    pub server: Option<BorrowedFd<'a>>,
}

/// Offers a rate and returns the results. All connections are made and used once before the clock starts; one
/// that fails is replaced.
///
/// # Errors
/// If the first connections cannot be made, or the system refuses descriptors. Failures under load are part
/// of the result.
pub fn run(offer: &Offer<'_>, watch: Watch<'_>) -> io::Result<Measured> {
    let mut generator = Generator::new(offer, watch)?;
    let every_connection = offer.connections as u64;
    generator.offer_all(every_connection, 0.0)?;
    let primed = &generator.measured;
    if primed.ended == Ended::Complete && primed.wrong.is_none() {
        generator.measured = Measured::new(offer.rate, offer.window);
        let requests = (offer.window.as_secs_f64() * offer.rate as f64).round() as u64;
        generator.offer_all(requests, 1e9 / offer.rate.max(1) as f64)?;
        let window = offer.window;
        if generator.measured.ended == Ended::Complete {
            generator.measured.took = generator.measured.took.max(window);
        }
    }
    Ok(generator.measured)
}

struct Generator<'a> {
    offer: &'a Offer<'a>,
    longest: usize,
    epoll: OwnedFd,
    timer: OwnedFd,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    measured: Measured,
    start: Instant,
    last: Instant,
    total: u64,
    /// Nanoseconds between due times.
    interval: f64,
    /// Index of the next request to send.
    next: u64,
    /// Requests that were answered, failed or timed out.
    done: u64,
    failures: u32,
}

impl<'a> Generator<'a> {
    fn new(offer: &'a Offer<'a>, watch: Watch<'_>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        // Edge-triggered: one wake-up is enough, and there is nothing to read.
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), edge)?;
        for (descriptor, data) in [(watch.interrupt, INTERRUPT), (watch.server, SERVER)] {
            if let Some(descriptor) = descriptor {
                epoll::add(&epoll, descriptor, EventData::new_u64(data), EventFlags::IN)?;
            }
        }
        let longest = offer.exchanges.iter().map(|one| one.response.len()).max();
        let longest = longest.unwrap_or(0);
        let mut connections = Vec::with_capacity(offer.connections);
        for index in 0..offer.connections {
            let connection = Connection::open(offer.address, longest)?;
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, connection.descriptor(), data, EventFlags::IN)?;
            connections.push(connection);
        }
        let start = Instant::now();
        Ok(Self {
            longest,
            epoll,
            timer,
            idle: (0..connections.len()).collect(),
            connections,
            measured: Measured::new(offer.rate, Duration::ZERO),
            start,
            last: start,
            total: 0,
            interval: 0.0,
            next: 0,
            done: 0,
            failures: 0,
            offer,
        })
    }

    /// When a request is due.
    fn due(&self, request: u64) -> Instant {
        self.start + Duration::from_nanos((request as f64 * self.interval) as u64)
    }

    /// Offers `requests` requests, `interval` nanoseconds apart.
    fn offer_all(&mut self, requests: u64, interval: f64) -> io::Result<()> {
        let mut events = Vec::with_capacity(self.connections.len() + 3);
        (self.total, self.interval, self.next, self.done) = (requests, interval, 0, 0);
        self.start = Instant::now();
        self.last = self.start;
        let mut look = self.start + LOOK;
        while self.done < self.total && self.measured.ended == Ended::Complete {
            let mut now = Instant::now();
            if now >= look {
                self.give_up(now);
                now = Instant::now();
                look = now + LOOK;
            }
            // Check the sockets between sends, so that a backlog of requests does not starve responses.
            if self.next < self.total
                && self.due(self.next) <= now
                && let Some(index) = self.idle.pop_front()
            {
                self.send(index, now);
                if !self.next.is_multiple_of(16) {
                    continue;
                }
            }
            self.wait(&mut events, now, look)?;
            for event in events.drain(..) {
                let epoll::Event { data, flags } = event;
                match data.u64() {
                    TIMER => {}
                    INTERRUPT => self.measured.ended = Ended::Interrupted,
                    SERVER => self.gone("its process ended"),
                    index => self.progress(index as usize, flags),
                }
            }
        }
        self.measured.took = match self.measured.ended {
            Ended::Complete => self.last - self.start,
            _ => self.start.elapsed(),
        };
        Ok(())
    }

    /// Sleeps until a response arrives, a request can be sent, or `look`.
    fn wait(&self, events: &mut Vec<epoll::Event>, now: Instant, look: Instant) -> io::Result<()> {
        let mut until = look;
        if self.next < self.total && !self.idle.is_empty() {
            until = until.min(self.due(self.next));
        }
        let left = until.saturating_duration_since(now);
        let mut none = Some(&NOW);
        if !left.is_zero() {
            let value = Timespec {
                tv_sec: left.as_secs() as _,
                tv_nsec: i64::from(left.subsec_nanos()) as _,
            };
            let once = Itimerspec {
                it_interval: NOW,
                it_value: value,
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            none = None;
        }
        match epoll::wait(&self.epoll, spare_capacity(events), none) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self, index: usize, now: Instant) {
        let due = self.due(self.next);
        let exchange = (self.next % self.offer.exchanges.len().max(1) as u64) as usize;
        self.next += 1;
        let under_way = UnderWay {
            exchange,
            due,
            sent: now,
        };
        let progress = self.connections[index].send(under_way, self.offer.exchanges);
        self.after(index, progress);
    }

    fn progress(&mut self, index: usize, flags: EventFlags) {
        let connection = &mut self.connections[index];
        if flags.contains(EventFlags::OUT) {
            let progress = connection.write(self.offer.exchanges);
            let data = EventData::new_u64(index as u64);
            if progress != Progress::Blocked {
                // The descriptor was added before, so this cannot fail.
                let _ = epoll::modify(&self.epoll, connection.descriptor(), data, EventFlags::IN);
            }
            self.after(index, progress);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            let progress = self.connections[index].read(self.offer.exchanges);
            self.after(index, progress);
        }
    }

    fn after(&mut self, index: usize, progress: Progress) {
        match progress {
            Progress::Waiting => {}
            Progress::Blocked => {
                let both = EventFlags::IN | EventFlags::OUT;
                let data = EventData::new_u64(index as u64);
                let descriptor = self.connections[index].descriptor();
                let _ = epoll::modify(&self.epoll, descriptor, data, both);
            }
            Progress::Answered => {
                let now = Instant::now();
                if let Some(request) = self.connections[index].under_way.take() {
                    self.measured.answered += 1;
                    self.measured.record(
                        request.due - self.start,
                        now - request.due,
                        Some(now - request.sent),
                    );
                    self.done += 1;
                    self.last = now;
                    self.failures = 0;
                }
                self.idle.push_back(index);
            }
            Progress::Wrong(how) => {
                self.measured.wrong.get_or_insert(how);
                self.failed(index);
            }
            Progress::Broken(what) => {
                self.failures += 1;
                let hopeless = self.failures >= HOPELESS;
                if hopeless {
                    self.gone(&what);
                }
                self.measured.broken.get_or_insert(what);
                self.failed(index);
            }
        }
    }

    /// Counts the request of a broken connection as failed, and replaces the connection.
    fn failed(&mut self, index: usize) {
        if self.connections[index].under_way.take().is_some() {
            self.measured.errors += 1;
            self.done += 1;
            self.last = Instant::now();
        }
        self.reconnect(index);
    }

    fn reconnect(&mut self, index: usize) {
        self.idle.retain(|&idle| idle != index);
        let opened = Connection::open(self.offer.address, self.longest).and_then(|connection| {
            let data = EventData::new_u64(index as u64);
            epoll::add(&self.epoll, connection.descriptor(), data, EventFlags::IN)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => {
                // Closing the old socket removes it from epoll.
                self.connections[index] = connection;
                self.idle.push_back(index);
            }
            Err(error) => self.gone(&format!("connecting again: {error}")),
        }
    }

    /// Times out requests that took too long, sent or not.
    fn give_up(&mut self, now: Instant) {
        for index in 0..self.connections.len() {
            let Some(request) = self.connections[index].under_way else {
                continue;
            };
            if now - request.due > self.offer.timeout {
                self.connections[index].under_way = None;
                self.late(now, request.due, Some(now - request.sent));
                self.reconnect(index);
            }
        }
        while self.next < self.total && self.due(self.next) + self.offer.timeout < now {
            let due = self.due(self.next);
            self.next += 1;
            self.late(now, due, None);
        }
    }

    fn late(&mut self, now: Instant, due: Instant, service: Option<Duration>) {
        self.measured.timeouts += 1;
        self.measured.record(due - self.start, now - due, service);
        self.done += 1;
        self.last = now;
    }

    fn gone(&mut self, why: &str) {
        if self.measured.ended == Ended::Complete {
            self.measured.ended = Ended::ServerGone(why.to_owned());
        }
    }
}

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
