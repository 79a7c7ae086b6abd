//! The end of an HTTP/2 client's handshake: its first frame, counted byte by byte (RFC 9113 section
//! 3.4: the preface is followed by SETTINGS). What the frame says is not looked at.

/// RFC 9113 section 4.1.
const FRAME_HEADER: usize = 9;

/// The place inside the first frame.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    seen: usize,
    length: usize,
}

impl Handshake {
    /// Passes over bytes that follow the preface; true once the first frame is whole.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> bool {
        // The length is the first three octets of the header.
        for byte in bytes.iter().take(3usize.saturating_sub(self.seen)) {
            self.length = self.length << 8 | usize::from(*byte);
        }
        self.seen = self.seen.saturating_add(bytes.len());
        self.seen >= FRAME_HEADER + self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_ends_at_its_length_however_it_is_cut() {
        let frame = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9];
        for cut in 0..frame.len() {
            let mut handshake = Handshake::default();
            assert!(!handshake.advance(&frame[..cut]), "{cut}");
            assert!(handshake.advance(&frame[cut..]), "{cut}");
        }
        assert!(Handshake::default().advance(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 2]));
    }
}
