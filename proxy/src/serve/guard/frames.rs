//! HTTP/2 frames by their headers (RFC 9113 section 4.1), found in bytes that come in any pieces. What frames
//! carry is passed over. Pure: bytes in, headers out.

const HEADER: usize = 9;

/// What is looked at of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Bytes that it carries.
    pub(super) length: u32,
    pub(super) stream: u32,
}

/// The place in a sequence of frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER],
    /// Bytes of the header that have passed.
    seen: usize,
    /// Bytes of the frame that are still to pass.
    left: usize,
}

impl Frames {
    /// The next frame whose header ends in `bytes`, which are taken up to there.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        let passed = self.left.min(bytes.len());
        *bytes = &bytes[passed..];
        self.left -= passed;
        let taken = (HEADER - self.seen).min(bytes.len());
        self.header[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
        *bytes = &bytes[taken..];
        self.seen += taken;
        if self.seen < HEADER {
            return None;
        }
        self.seen = 0;
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.left = length as usize;
        // The first bit of a stream's number is reserved.
        Some(Frame { kind, flags, length, stream: u32::from_be_bytes(stream) & 0x7fff_ffff })
    }

    /// Whether a frame may begin here.
    pub(super) fn at_boundary(&self) -> bool {
        self.seen == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(frames: &mut Frames, mut bytes: &[u8]) -> Vec<Frame> {
        std::iter::from_fn(|| frames.next(&mut bytes)).collect()
    }

    proptest! {
        #[test]
        fn frames_are_found_however_the_bytes_are_cut(
            sent in proptest::collection::vec((any::<u8>(), any::<u8>(), 0_u32..40, 0_u32..1000), 0..20),
            cuts in proptest::collection::vec(1_usize..30, 1..40),
        ) {
            let wanted: Vec<Frame> = sent
                .into_iter()
                .map(|(kind, flags, length, stream)| Frame { kind, flags, length, stream })
                .collect();
            let mut bytes = Vec::new();
            for frame in &wanted {
                bytes.extend(&frame.length.to_be_bytes()[1..]);
                bytes.extend([frame.kind, frame.flags]);
                bytes.extend(frame.stream.to_be_bytes());
                bytes.extend(vec![0xff; frame.length as usize]);
            }
            let (mut frames, mut found, mut rest) = (Frames::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle().take(bytes.len() + 1) {
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                found.extend(all(&mut frames, piece));
                rest = later;
            }
            prop_assert_eq!(found, wanted);
            prop_assert!(frames.at_boundary());
        }
    }
}
