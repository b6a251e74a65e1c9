//! Who is near: players by the cell that they stand in, sorted by counting.

use crate::arena::{SIDE, Vector};

const CELLS: usize = 32;
const CELL: f32 = SIDE / CELLS as f32;

/// Players by cell.
pub struct Grid {
    /// Where each cell's players begin in `members`; one more, for the end.
    begins: Vec<u32>,
    members: Vec<u32>,
    cells: Vec<u16>,
}

impl Grid {
    pub fn new() -> Self {
        Grid {
            begins: vec![0; CELLS * CELLS + 1],
            members: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Sorts players, given by their places, into cells.
    pub fn fill(&mut self, places: impl Iterator<Item = Vector>) {
        self.begins.fill(0);
        self.cells.clear();
        for place in places {
            let cell = column(place.y) * CELLS + column(place.x);
            self.cells.push(cell as u16);
            self.begins[cell + 1] += 1;
        }
        for cell in 0..CELLS * CELLS {
            self.begins[cell + 1] += self.begins[cell];
        }
        self.members.resize(self.cells.len(), 0);
        // From the last to the first: `begins` is moved down to each cell's first member.
        let mut ends = [0_u32; CELLS * CELLS];
        ends.copy_from_slice(&self.begins[1..]);
        for (player, &cell) in self.cells.iter().enumerate().rev() {
            let end = &mut ends[usize::from(cell)];
            *end -= 1;
            self.members[*end as usize] = player as u32;
        }
    }

    /// The players in all cells that come within `reach` of a place.
    pub fn around(&self, place: Vector, reach: f32) -> impl Iterator<Item = u32> + '_ {
        let columns = column(place.x - reach)..=column(place.x + reach);
        let rows = column(place.y - reach)..=column(place.y + reach);
        rows.flat_map(move |row| {
            let first = row * CELLS + columns.start();
            let last = row * CELLS + columns.end();
            let members = self.begins[first] as usize..self.begins[last + 1] as usize;
            self.members[members].iter().copied()
        })
    }
}

fn column(at: f32) -> usize {
    // Negative numbers become 0.
    ((at / CELL) as usize).min(CELLS - 1)
}
