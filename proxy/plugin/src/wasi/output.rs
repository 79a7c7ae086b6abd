//! What a plugin prints, cut into lines of bounded length. It knows neither the log nor the guest.

/// A longer line is cut in two.
const LONGEST_LINE: usize = 4 << 10;
/// What is kept of the end, to be told when the run fails.
const LAST_WORDS: usize = 1 << 10;

/// Where it was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Error,
}

impl Stream {
    pub(super) fn of(number: u32) -> Self {
        if number == Self::Out as u32 { Self::Out } else { Self::Error }
    }
}

/// The unfinished lines of one instance, and the end of what its run printed.
#[derive(Debug, Default)]
pub(crate) struct Output {
    out: Vec<u8>,
    error: Vec<u8>,
    last_words: Vec<u8>,
}

impl Output {
    /// Takes what was printed, and gives every line that is finished by it.
    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8], mut line: impl FnMut(&str)) {
        self.remember(bytes);
        let unfinished = match stream {
            Stream::Out => &mut self.out,
            Stream::Error => &mut self.error,
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = LONGEST_LINE - unfinished.len();
            let end = rest.iter().take(room).position(|byte| *byte == b'\n');
            let (piece, ends) = match end {
                Some(end) => (&rest[..end], true),
                None => (&rest[..rest.len().min(room)], rest.len() >= room),
            };
            unfinished.extend_from_slice(piece);
            rest = &rest[piece.len() + usize::from(end.is_some())..];
            if ends {
                let text = String::from_utf8_lossy(unfinished);
                let text = text.trim_end();
                if !text.is_empty() {
                    line(text);
                }
                unfinished.clear();
            }
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(LAST_WORDS)..];
        let over = (self.last_words.len() + kept.len()).saturating_sub(LAST_WORDS);
        self.last_words.drain(..over);
        self.last_words.extend_from_slice(kept);
    }

    /// A run begins: what an earlier one printed explains nothing of it.
    pub(crate) fn forget(&mut self) {
        self.last_words.clear();
    }

    /// The end of what this run printed, if it printed anything.
    pub(crate) fn last_words(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.last_words);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &mut Output, stream: Stream, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        output.take(stream, text.as_bytes(), |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_given_when_they_end_and_streams_do_not_mix() {
        let mut output = Output::default();
        assert_eq!(lines(&mut output, Stream::Out, "a"), [""; 0]);
        assert_eq!(lines(&mut output, Stream::Error, "x\n\ny"), ["x"]);
        assert_eq!(lines(&mut output, Stream::Out, "b\nc\r\nd"), ["ab", "c"]);
        assert_eq!(lines(&mut output, Stream::Error, "z\n"), ["yz"]);
    }

    #[test]
    fn nothing_grows_with_what_is_printed() {
        let mut output = Output::default();
        let long = "x".repeat(10 * LONGEST_LINE + 7);
        let given = lines(&mut output, Stream::Out, &long);
        assert_eq!(given.len(), 10);
        assert!(given.iter().all(|line| line.len() == LONGEST_LINE));
        assert_eq!(output.out.len(), 7);
        assert_eq!(output.last_words.len(), LAST_WORDS);
    }

    #[test]
    fn the_last_words_are_those_of_the_run() {
        let mut output = Output::default();
        lines(&mut output, Stream::Error, "old\n");
        output.forget();
        assert_eq!(output.last_words(), None);
        lines(&mut output, Stream::Error, "Traceback:\nKeyError\n");
        assert_eq!(output.last_words().as_deref(), Some("Traceback:\nKeyError"));
    }
}
