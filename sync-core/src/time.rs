//! Two clocks that must never be mixed up, and the stamp that orders what one device did.
//!
//! A phone's clock may be years off; it is shown, never trusted. Order between people comes from what each had seen
//! (`after`), grace periods and service levels are measured on the server's clock alone.

/// What a device's clock showed, in milliseconds since 1970. Never compared with [`ServerTime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceTime(pub i64);

/// What the server's clock showed, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTime(pub i64);

/// How far a device's clock runs ahead of the server's, in milliseconds, as estimated at the last exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skew(pub i64);

impl Skew {
    /// Beyond this the engineer is told to set the clock; nothing is ever refused for it.
    pub const WORTH_TELLING_MS: i64 = 120_000;

    /// The skew seen when a reply stamped `server` arrived at `device`.
    pub fn between(device: DeviceTime, server: ServerTime) -> Self {
        Self(device.0.saturating_sub(server.0))
    }

    /// The device's time as the server's clock would have shown it.
    pub fn correct(self, device: DeviceTime) -> ServerTime {
        ServerTime(device.0.saturating_sub(self.0))
    }
}

/// The hybrid logical clock of one device: skew-corrected milliseconds and a counter for what happens within one.
///
/// It only ever rises on its device and never absorbs another's clock (Kulkarni et al., 2014, without the receive
/// rule: a wrong clock must not spread).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(i64);

impl Hlc {
    const COUNTER_BITS: u32 = 16;
    const MAX_MS: i64 = i64::MAX >> Self::COUNTER_BITS;

    /// The stamp after `self` at this corrected time.
    #[must_use]
    pub fn tick(self, now: ServerTime) -> Self {
        let fresh = now.0.clamp(0, Self::MAX_MS) << Self::COUNTER_BITS;
        Self(fresh.max(self.0.saturating_add(1)))
    }

    /// The stamp as it stands in documents: 48 bits of milliseconds, 16 of counter.
    pub fn to_i64(self) -> i64 {
        self.0
    }

    /// A stamp read from a document.
    pub fn from_i64(bits: i64) -> Self {
        Self(bits)
    }

    /// Its milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0 >> Self::COUNTER_BITS
    }
}

/// A span in which a visit may start, on the server's clock; it never runs backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    start: ServerTime,
    end: ServerTime,
}

/// A window that would end before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time window ends before it starts")]
pub struct BackwardsWindow;

impl TimeWindow {
    /// From the earliest to the latest start.
    pub fn new(start: ServerTime, end: ServerTime) -> Result<Self, BackwardsWindow> {
        if start <= end { Ok(Self { start, end }) } else { Err(BackwardsWindow) }
    }

    /// The earliest start.
    pub fn start(self) -> ServerTime {
        self.start
    }

    /// The latest start.
    pub fn end(self) -> ServerTime {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_rises_though_the_clock_falls() {
        let noon = Hlc::default().tick(ServerTime(1_000_000));
        let earlier = noon.tick(ServerTime(1));
        assert!(earlier > noon);
        assert_eq!(earlier.millis(), 1_000_000);
    }

    #[test]
    fn absurd_clocks_do_not_overflow() {
        let far = Hlc::default().tick(ServerTime(i64::MAX));
        assert!(far.tick(ServerTime(i64::MIN)) > far);
        assert_eq!(Skew::between(DeviceTime(i64::MAX), ServerTime(i64::MIN)).0, i64::MAX);
    }
}
