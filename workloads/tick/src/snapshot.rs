//! What every player is told after a tick: what changed of those it can see.

use crate::arena::{Arena, SIDE};

/// How far a player sees.
const VIEW: f32 = 128.0;

/// What has been sent so far.
pub struct Snapshots {
    /// Place and health of each player as they were sent last.
    sent: Vec<[u16; 3]>,
    changed: Vec<bool>,
    buffer: Vec<u8>,
    pub bytes: u64,
    pub digest: u64,
}

impl Snapshots {
    pub fn new(players: usize) -> Self {
        Snapshots {
            sent: vec![[0; 3]; players],
            changed: vec![true; players],
            buffer: Vec::with_capacity(64 << 10),
            bytes: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Writes what each player is told, one after the other.
    pub fn take(&mut self, arena: &Arena) {
        for (player, (sent, changed)) in arena
            .players
            .iter()
            .zip(self.sent.iter_mut().zip(&mut self.changed))
        {
            let quantised = |at: f32| (at * (65535.0 / SIDE)) as u16;
            let now = [
                quantised(player.at.x),
                quantised(player.at.y),
                player.health as u16,
            ];
            *changed = now != *sent;
            *sent = now;
        }
        self.buffer.clear();
        for player in &arena.players {
            for seen in arena.grid.around(player.at, VIEW) {
                let seen = seen as usize;
                if !self.changed[seen] {
                    continue;
                }
                varint(&mut self.buffer, seen as u32);
                let [x, y, health] = self.sent[seen];
                self.buffer.extend_from_slice(&x.to_le_bytes());
                self.buffer.extend_from_slice(&y.to_le_bytes());
                self.buffer.push(health as u8);
            }
            self.buffer.push(0xff);
        }
        self.bytes += self.buffer.len() as u64;
        // FNV-1a over eight bytes at a time.
        for word in self.buffer.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            self.digest = (self.digest ^ u64::from_le_bytes(bytes)).wrapping_mul(0x100_0000_01b3);
        }
        for shot in &arena.shots {
            let bits = u64::from(shot.at.x.to_bits()) << 32 | u64::from(shot.at.y.to_bits());
            self.digest = (self.digest ^ bits).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// LEB128.
fn varint(buffer: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}
