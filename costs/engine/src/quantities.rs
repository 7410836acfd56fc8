use std::ops::{Add, AddAssign, Neg, Sub};

/// What was used, summed over rows. Signed: a correction of an earlier row is a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantities {
    /// CPU, user and system.
    pub cpu_ns: i128,
    /// Memory over time.
    pub mem_byte_s: i128,
    /// Slots over time.
    pub slot_ms: i128,
    /// Read and written.
    pub io_bytes: i128,
    /// Growth of task logs.
    pub log_bytes: i128,
    /// Attempts that ended, whatever their state.
    pub ended: i128,
    /// Of these, attempts that were in vain ([`crate::Outcome::Wasted`]).
    pub wasted: i128,
}

impl Quantities {
    /// Every field, in order; storage relies on it.
    pub fn fields(&self) -> [i128; 7] {
        [self.cpu_ns, self.mem_byte_s, self.slot_ms, self.io_bytes, self.log_bytes, self.ended, self.wasted]
    }

    /// The opposite of [`Self::fields`].
    pub fn from_fields(fields: [i128; 7]) -> Self {
        let [cpu_ns, mem_byte_s, slot_ms, io_bytes, log_bytes, ended, wasted] = fields;
        Self { cpu_ns, mem_byte_s, slot_ms, io_bytes, log_bytes, ended, wasted }
    }

    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn zip(self, other: Self, with: fn(i128, i128) -> i128) -> Self {
        let (mut fields, other) = (self.fields(), other.fields());
        for (field, other) in fields.iter_mut().zip(other) {
            *field = with(*field, other);
        }
        Self::from_fields(fields)
    }
}

impl Add for Quantities {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, i128::saturating_add)
    }
}

impl AddAssign for Quantities {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Quantities {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, i128::saturating_sub)
    }
}

impl Neg for Quantities {
    type Output = Self;
    fn neg(self) -> Self {
        Self::default() - self
    }
}
