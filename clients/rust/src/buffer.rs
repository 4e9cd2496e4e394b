use std::io::{self, Read};
use std::ops::Range;

/// Bytes that begin where any element may: a tensor at a multiple of its element's size can be looked at in place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    words: Vec<u64>,
    len: usize,
}

const WORD: usize = size_of::<u64>();
/// How much is taken on the word of a Content-Length. Pages that nothing is read into cost nothing.
const TRUSTED: usize = 1 << 28;
/// The room for an answer of unknown length at first.
const UNKNOWN: usize = 1 << 14;

impl Buffer {
    /// Reads to the end.
    pub(crate) fn read(mut reader: impl Read, expected: Option<u64>) -> io::Result<Self> {
        let expected = expected.and_then(|bytes| usize::try_from(bytes).ok());
        let room = expected.unwrap_or(UNKNOWN).min(TRUSTED);
        // A word more, so that the end is seen without more room.
        let mut buffer = Buffer { words: vec![0; room / WORD + 1], len: 0 };
        loop {
            if buffer.len == buffer.words.len() * WORD {
                buffer.grow()?;
            }
            let free = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut buffer.words)[buffer.len..];
            match reader.read(free) {
                Ok(0) => return Ok(buffer),
                Ok(read) => buffer.len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A copy of some bytes.
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        let mut buffer = Buffer { words: vec![0; bytes.len().div_ceil(WORD)], len: bytes.len() };
        bytemuck::cast_slice_mut::<u64, u8>(&mut buffer.words)[..bytes.len()].copy_from_slice(bytes);
        buffer
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// Some of the bytes, if they are there.
    pub(crate) fn get(&self, range: Range<usize>) -> Option<&[u8]> {
        self.bytes().get(range)
    }

    fn grow(&mut self) -> io::Result<()> {
        let more = self.words.len();
        self.words.try_reserve_exact(more).map_err(io::Error::other)?;
        self.words.resize(2 * more, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_whatever_was_announced() {
        let bytes: Vec<u8> = (0..100_003_u32).map(|i| i as u8).collect();
        for expected in [None, Some(0), Some(7), Some(100_003), Some(u64::MAX)] {
            assert_eq!(Buffer::read(&bytes[..], expected).unwrap().bytes(), bytes);
        }
        assert_eq!(Buffer::copy(&bytes).bytes(), bytes);
    }

    #[test]
    fn what_lies_outside_is_not_there() {
        let buffer = Buffer::copy(b"abc");
        assert_eq!(buffer.get(1..3), Some(&b"bc"[..]));
        assert_eq!(buffer.get(1..4), None);
    }
}
