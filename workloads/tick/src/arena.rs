//! Players and shots in a square, and what one step of time does to them.
//!
//! Additions, multiplications, divisions and square roots only, each rounded to an `f32`: the same
//! bits on every machine that keeps to IEEE 754.

use crate::grid::Grid;

/// The arena's side; coordinates go from 0 to it.
pub const SIDE: f32 = 1024.0;
const PLAYERS: usize = 384;
const RADIUS: f32 = 6.0;
const STEP_SECONDS: f32 = 1.0 / 30.0;
const SHOT_SPEED: f32 = 420.0;
const SHOT_STEPS: u8 = 45;
const RELOAD_STEPS: u8 = 18;
/// How far a player looks for somebody to aim at.
const SIGHT: f32 = 90.0;

#[derive(Clone, Copy)]
pub struct Vector {
    pub x: f32,
    pub y: f32,
}

pub struct Player {
    pub at: Vector,
    pub speed: Vector,
    /// Where it is going.
    goal: Vector,
    pub health: i32,
    reload: u8,
}

pub struct Shot {
    pub at: Vector,
    speed: Vector,
    owner: u32,
    left: u8,
}

pub struct Arena {
    pub players: Vec<Player>,
    pub shots: Vec<Shot>,
    pub grid: Grid,
    pub hits: u64,
    pub collisions: u64,
    random: u64,
}

impl Vector {
    fn to(self, other: Vector) -> Vector {
        Vector {
            x: other.x - self.x,
            y: other.y - self.y,
        }
    }

    fn plus(self, other: Vector, times: f32) -> Vector {
        Vector {
            x: self.x + other.x * times,
            y: self.y + other.y * times,
        }
    }

    fn square(self) -> f32 {
        self.x * self.x + self.y * self.y
    }

    /// Of this length; as it is if it has none.
    fn of_length(self, length: f32) -> Vector {
        let own = self.square().sqrt();
        if own < 1e-6 {
            return self;
        }
        let times = length / own;
        Vector {
            x: self.x * times,
            y: self.y * times,
        }
    }
}

impl Arena {
    pub fn new() -> Self {
        let mut arena = Arena {
            players: Vec::with_capacity(PLAYERS),
            shots: Vec::with_capacity(PLAYERS * 4),
            grid: Grid::new(),
            hits: 0,
            collisions: 0,
            random: 7,
        };
        for _ in 0..PLAYERS {
            let (at, goal) = (arena.somewhere(), arena.somewhere());
            let reload = (arena.next() % u64::from(RELOAD_STEPS)) as u8;
            let speed = Vector { x: 0.0, y: 0.0 };
            arena.players.push(Player {
                at,
                speed,
                goal,
                health: 100,
                reload,
            });
        }
        arena
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn somewhere(&mut self) -> Vector {
        let bits = self.next();
        let part = |bits: u64| (bits & 0xffff) as f32 / 65536.0 * SIDE;
        Vector {
            x: part(bits),
            y: part(bits >> 16),
        }
    }

    /// One tick.
    pub fn step(&mut self) {
        let places = self.players.iter().map(|player| player.at);
        self.grid.fill(places);
        self.decide();
        self.move_players();
        let places = self.players.iter().map(|player| player.at);
        self.grid.fill(places);
        self.push_apart();
        self.move_shots();
    }

    /// Every player steers towards its goal and shoots at who is nearest.
    fn decide(&mut self) {
        for me in 0..self.players.len() {
            let at = self.players[me].at;
            if at.to(self.players[me].goal).square() < 400.0 {
                self.players[me].goal = self.somewhere();
            }
            let player = &mut self.players[me];
            let wanted = at.to(player.goal).of_length(95.0);
            player.speed = player.speed.plus(player.speed.to(wanted), 0.12);
            if player.reload > 0 {
                player.reload -= 1;
                continue;
            }
            let mut nearest = None;
            let mut distance = SIGHT * SIGHT;
            for other in self.grid.around(at, SIGHT) {
                let square = at.to(self.players[other as usize].at).square();
                if other as usize != me && square < distance {
                    (nearest, distance) = (Some(other), square);
                }
            }
            if let Some(other) = nearest {
                let other = &self.players[other as usize];
                // Where it will be by then.
                let ahead = distance.sqrt() / SHOT_SPEED;
                let aim = at
                    .to(other.at.plus(other.speed, ahead))
                    .of_length(SHOT_SPEED);
                let shot = Shot {
                    at: at.plus(aim, 1.2 * RADIUS / SHOT_SPEED),
                    speed: aim,
                    owner: me as u32,
                    left: SHOT_STEPS,
                };
                self.shots.push(shot);
                self.players[me].reload = RELOAD_STEPS;
            }
        }
    }

    fn move_players(&mut self) {
        for player in &mut self.players {
            player.at = player.at.plus(player.speed, STEP_SECONDS);
            keep_inside(&mut player.at.x, &mut player.speed.x);
            keep_inside(&mut player.at.y, &mut player.speed.y);
        }
    }

    /// Players that stand in each other are moved apart, half the way each.
    fn push_apart(&mut self) {
        for me in 0..self.players.len() {
            let at = self.players[me].at;
            for other in self.grid.around(at, RADIUS * 2.0) {
                let other = other as usize;
                if other <= me {
                    continue;
                }
                let between = self.players[me].at.to(self.players[other].at);
                let square = between.square();
                if square >= 4.0 * RADIUS * RADIUS || square < 1e-6 {
                    continue;
                }
                self.collisions += 1;
                let depth = 2.0 * RADIUS - square.sqrt();
                let push = between.of_length(depth * 0.5);
                for (one, sign) in [(other, 1.0), (me, -1.0)] {
                    let player = &mut self.players[one];
                    player.at = player.at.plus(push, sign);
                    player.speed = player.speed.plus(push, sign * 2.0);
                    keep_inside(&mut player.at.x, &mut player.speed.x);
                    keep_inside(&mut player.at.y, &mut player.speed.y);
                }
            }
        }
    }

    /// Shots fly in two half steps, or a fast one would fly through who it hits.
    fn move_shots(&mut self) {
        let mut at = 0;
        while at < self.shots.len() {
            let hit = self.fly(at);
            if let Some(player) = hit {
                self.hits += 1;
                self.players[player].health -= 17;
                if self.players[player].health <= 0 {
                    self.players[player].at = self.somewhere();
                    self.players[player].health = 100;
                }
            }
            if hit.is_some() || self.shots[at].left == 0 {
                self.shots.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn fly(&mut self, at: usize) -> Option<usize> {
        let shot = &mut self.shots[at];
        shot.left -= 1;
        for _ in 0..2 {
            shot.at = shot.at.plus(shot.speed, STEP_SECONDS * 0.5);
            if !(0.0..=SIDE).contains(&shot.at.x) || !(0.0..=SIDE).contains(&shot.at.y) {
                shot.left = 0;
                return None;
            }
            for other in self.grid.around(shot.at, RADIUS) {
                let square = shot.at.to(self.players[other as usize].at).square();
                if other != shot.owner && square < RADIUS * RADIUS {
                    return Some(other as usize);
                }
            }
        }
        None
    }
}

/// Who meets the edge is thrown back.
fn keep_inside(place: &mut f32, speed: &mut f32) {
    if *place < 0.0 {
        *place = 0.0;
        *speed = -*speed;
    } else if *place > SIDE {
        *place = SIDE;
        *speed = -*speed;
    }
}
