use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

use super::Reason;
use crate::answer::{Gradient, Loss, Term};
use crate::buffer::Buffer;
use crate::named::Named;
use crate::request::Answer;
use crate::tensor::Dtype;

pub(super) fn read(answer: &Answer) -> Result<Loss, Reason> {
    File::open(Arc::clone(&answer.body))?.loss(answer.request_id())
}

/// A file whose header fits its data.
struct File {
    metadata: Named<String>,
    entries: Named<Entry>,
    buffer: Arc<Buffer>,
}

/// A tensor, and its place in the buffer.
struct Entry {
    /// None of a dtype that is unknown here: a tensor that this client doesn't know.
    dtype: Option<Dtype>,
    shape: Vec<usize>,
    range: Range<usize>,
}

#[derive(Deserialize)]
struct EntryText {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// A member of the header: a tensor, or the metadata, whose values are strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Tensor(EntryText),
    Metadata(Named<String>),
}

impl File {
    fn open(buffer: Arc<Buffer>) -> Result<Self, Reason> {
        let (header, data) = split(&buffer)?;
        let members: Named<Member> = serde_json::from_slice(header).map_err(|error| error.to_string())?;
        let mut file = File { metadata: Named::default(), entries: Named::default(), buffer: Arc::clone(&buffer) };
        members.try_map(|name, member| file.add(name, member, &data))?;
        file.check_order(data)?;
        Ok(file)
    }

    fn add(&mut self, name: &str, member: Member, data: &Range<usize>) -> Result<(), Reason> {
        match member {
            Member::Metadata(metadata) if name == "__metadata__" => self.metadata = metadata,
            Member::Tensor(text) if self.entries.get(name).is_none() => {
                let entry = entry(text, data).ok_or_else(|| format!("{name} has impossible offsets"))?;
                self.entries.push(name, entry);
            }
            _ => return Err(format!("{name} is no tensor, or there twice")),
        }
        Ok(())
    }

    /// That the tensors lie one after the other and fill the data.
    fn check_order(&self, data: Range<usize>) -> Result<(), Reason> {
        let mut ranges: Vec<_> = self.entries.iter().map(|(_, entry)| entry.range.clone()).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        let end = ranges.iter().try_fold(data.start, |at, range| (range.start == at).then_some(range.end));
        if end != Some(data.end) {
            return Err("tensors that overlap, or that leave holes".to_owned());
        }
        Ok(())
    }

    fn loss(&self, request_id: &str) -> Result<Loss, Reason> {
        let mut loss = Loss {
            loss: self.scalar("loss")?,
            terms: Named::default(),
            gradients: Named::default(),
            unused: self.list("unused")?,
            warnings: self.list("warnings")?,
            contract: self.parsed("contract")?,
            inputs_sha256: self.metadata.get("inputs_sha256").cloned(),
            request_id: request_id.to_owned(),
        };
        for (path, entry) in self.entries.iter() {
            match path.split('.').collect::<Vec<_>>()[..] {
                ["gradients", tensor] => loss.gradients.push(tensor, self.gradient(path, entry)?),
                ["terms", term, "loss"] => loss.terms.push(term, self.term(term)?),
                _ => {} // Known by name from elsewhere, or by later clients.
            }
        }
        self.add_gradients_of_terms(&mut loss)?;
        Ok(loss)
    }

    fn term(&self, name: &str) -> Result<Term, Reason> {
        Ok(Term {
            lambda: self.parsed(&format!("lambda_{name}"))?,
            loss: self.scalar(&format!("terms.{name}.loss"))?,
            unweighted: self.scalar(&format!("terms.{name}.unweighted"))?,
            gradients: Named::default(),
        })
    }

    fn add_gradients_of_terms(&self, loss: &mut Loss) -> Result<(), Reason> {
        for (path, entry) in self.entries.iter() {
            if let ["terms", term, "gradients", tensor] = path.split('.').collect::<Vec<_>>()[..] {
                let term = loss.terms.get_mut(term).ok_or_else(|| format!("{path} without its term"))?;
                term.gradients.push(tensor, self.gradient(path, entry)?);
            }
        }
        Ok(())
    }

    fn gradient(&self, path: &str, entry: &Entry) -> Result<Gradient, Reason> {
        let dtype = entry.dtype.ok_or_else(|| format!("{path} has an unknown dtype"))?;
        let gradient = Gradient::new(dtype, entry.shape.clone(), &self.buffer, entry.range.clone());
        gradient.ok_or_else(|| format!("{path} lies outside"))
    }

    fn scalar(&self, path: &str) -> Result<f64, Reason> {
        let entry = self.entries.get(path).ok_or_else(|| format!("no {path}"))?;
        let bytes = self.buffer.get(entry.range.clone()).and_then(|bytes| bytes.try_into().ok());
        match (entry.dtype, &entry.shape[..], bytes) {
            (Some(Dtype::F64), [], Some(bytes)) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(format!("{path} is no double")),
        }
    }

    fn metadata(&self, key: &str) -> Result<&str, Reason> {
        let value = self.metadata.get(key);
        value.map(String::as_str).ok_or_else(|| format!("no {key} in the metadata"))
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<T, Reason> {
        let text = self.metadata(key)?;
        text.parse().map_err(|_| format!("{key} is {text:?}"))
    }

    fn list(&self, key: &str) -> Result<Vec<String>, Reason> {
        let names = self.metadata(key)?.split(',');
        Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// The header, and where the data lie.
fn split(buffer: &Buffer) -> Result<(&[u8], Range<usize>), Reason> {
    let length = buffer.get(0..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let length = length.and_then(|length| usize::try_from(length).ok());
    let begin = length.and_then(|length| length.checked_add(8)).ok_or("no header")?;
    let header = buffer.get(8..begin).ok_or("a header that is longer than the answer")?;
    Ok((header, begin..buffer.bytes().len()))
}

/// A tensor whose bytes lie inside the data and fill its shape.
fn entry(text: EntryText, data: &Range<usize>) -> Option<Entry> {
    let (begin, end) = text.data_offsets;
    let range = data.start.checked_add(begin)?..data.start.checked_add(end)?;
    if range.start > range.end || range.end > data.end {
        return None;
    }
    let dtype: Option<Dtype> = serde_json::from_value(text.dtype.into()).ok();
    if dtype.is_some_and(|dtype| dtype.bytes_of(&text.shape) != Some(range.len())) {
        return None;
    }
    Some(Entry { dtype, shape: text.shape, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#""__metadata__":{"contract":"1","lambda_fr":"0.5","unused":"","warnings":"a,b"}"#;

    fn open(header: &str, data: &[u8]) -> Result<Loss, Reason> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        File::open(Arc::new(Buffer::copy(&bytes)))?.loss("id")
    }

    fn entries(tensors: &[(&str, &str, &str, usize, usize)]) -> String {
        let texts = tensors.iter().map(|(name, dtype, shape, begin, end)| {
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
        });
        format!("{{{METADATA},{}}}", texts.collect::<Vec<_>>().join(","))
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn a_loss_is_read_in_any_order_and_alignment() {
        let header = entries(&[
            ("terms.fr.gradients.fr", "F32", "[1,1]", 26, 30),
            ("terms.later.value", "I64", "[1]", 30, 38),
            ("terms.fr.unweighted", "F64", "[]", 16, 24),
            ("loss", "F64", "[]", 0, 8),
            ("terms.fr.loss", "F64", "[]", 8, 16),
            ("gradients.fr", "F16", "[1]", 24, 26),
        ]);
        let mut data = doubles(&[1.5, 2.5, 5.0]);
        data.extend_from_slice(&[0, 0x3c, 0, 0, 0x80, 0x3f]);
        data.extend_from_slice(&[0; 8]);
        let loss = open(&header, &data).unwrap();
        assert_eq!((loss.loss, loss.contract, loss.warnings.len(), loss.unused.len()), (1.5, 1, 2, 0));
        let term = &loss.terms["fr"];
        assert_eq!((term.lambda, term.loss, term.unweighted), (0.5, 2.5, 5.0));
        assert_eq!(term.gradients["fr"].as_f32(), Some(&[1.0][..]));
        assert_eq!(loss.gradients["fr"].to_f64(), [1.0]);
    }

    #[test]
    fn a_broken_file_is_refused() {
        let good = ("loss", "F64", "[]", 0, 8);
        let data = doubles(&[1.0, 2.0]);
        let broken = [
            entries(&[("loss", "F64", "[]", 0, 16)]),
            entries(&[("loss", "F32", "[2]", 0, 8)]),
            entries(&[("loss", "F64", "[1]", 0, 8), ("x", "F64", "[]", 8, 16)]),
            entries(&[("loss", "I64", "[]", 0, 8), ("x", "F64", "[]", 8, 16)]),
            entries(&[good, ("x", "F64", "[]", 16, 24)]),
            entries(&[good, ("x", "F64", "[]", 0, 8)]),
            entries(&[good]),
            entries(&[good, good]),
            entries(&[good, ("x", "F64", "[]", 16, 8)]),
            entries(&[good, ("x", "F64", "[4294967296,4294967296,4294967296]", 8, 16)]),
            entries(&[good, ("x", "F64", "[]", usize::MAX, usize::MAX)]),
            entries(&[good, ("x", "F64", "[-1]", 8, 16)]),
            entries(&[good, ("terms.fr.loss", "F64", "[]", 8, 16)]),
            entries(&[good, ("terms.mse.loss", "F64", "[]", 8, 16)]),
            entries(&[good, ("terms.fr.gradients.fr", "F64", "[1]", 8, 16)]),
            entries(&[good, ("gradients.fr", "F8", "[8]", 8, 16)]),
            r#"{"loss":{"dtype":"F64","shape":[],"data_offsets":[0,16]}}"#.to_owned(),
            r#"{"loss":1}"#.to_owned(),
            "[]".to_owned(),
            "{".to_owned(),
            "[".repeat(100_000),
            String::new(),
        ];
        for header in broken {
            assert!(open(&header, &data).is_err(), "{header}");
        }
        for bytes in [&b""[..], b"1234567", b"\xff\xff\xff\xff\xff\xff\xff\xff{}", b"\x03\0\0\0\0\0\0\0{}"] {
            assert!(File::open(Arc::new(Buffer::copy(bytes))).is_err());
        }
    }
}
