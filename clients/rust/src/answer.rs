use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};

use crate::buffer::Buffer;
use crate::named::Named;
use crate::tensor::{Dtype, Element, Tensor};

/// The answer to a [`Problem`](crate::Problem).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loss {
    /// The total: the real sum of the active terms, rounded once.
    pub loss: f64,
    /// The active terms by name: `mse`, `in`, `hid`, `out`, `fr`, `fr_sd`, `fr_cv`.
    pub terms: Named<Term>,
    /// The gradients of the total by the name of the tensor; empty if none were asked for.
    pub gradients: Named<Gradient>,
    /// The names of tensors that no active term needed.
    pub unused: Vec<String>,
    /// What is legal but a trap: `negative-mean-rate`, `underflow`.
    pub warnings: Vec<String>,
    /// The version of the definitions: 1.
    pub contract: u32,
    /// The digest of the inputs, if it was asked for.
    pub inputs_sha256: Option<String>,
    /// The id of the request in the daemon's log.
    pub request_id: String,
}

/// One term of a [`Loss`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Term {
    /// The weight λ.
    pub lambda: f64,
    /// The term's loss, λ included.
    pub loss: f64,
    /// The value without λ.
    pub unweighted: f64,
    /// The term's own gradients, with [`Gradients::PerTerm`](crate::Gradients::PerTerm); else empty.
    pub gradients: Named<Gradient>,
}

/// A gradient, with the dtype and the shape of its tensor (or the `gradient_dtype` that was asked for).
///
/// Its elements lie where the answer was received; all gradients of an answer share that memory, which is freed with the
/// last of them. A clone copies no elements.
#[derive(Clone)]
pub struct Gradient {
    dtype: Dtype,
    shape: Vec<usize>,
    buffer: Arc<Buffer>,
    range: Range<usize>,
}

impl Gradient {
    /// The gradient in a part of a buffer, if it lies inside; what isn't aligned is copied to where it is.
    pub(crate) fn new(dtype: Dtype, shape: Vec<usize>, buffer: &Arc<Buffer>, range: Range<usize>) -> Option<Self> {
        let bytes = buffer.get(range.clone())?;
        if (bytes.as_ptr() as usize) % dtype.size() == 0 {
            return Some(Gradient { dtype, shape, buffer: Arc::clone(buffer), range });
        }
        let copy = Arc::new(Buffer::copy(bytes));
        Some(Gradient { dtype, shape, range: 0..range.len(), buffer: copy })
    }

    /// It as a tensor: to be claimed in [`Claims`](crate::Claims), for instance.
    pub fn tensor(&self) -> Tensor<'_> {
        let bytes = self.buffer.get(self.range.clone()).expect("the range was checked");
        Tensor::from_bytes(self.dtype, &self.shape[..], bytes)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The axes, the last of which runs fastest.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements as little-endian bytes.
    pub fn bytes(&self) -> &[u8] {
        self.tensor().bytes()
    }

    /// The elements in row-major order, if they are of type `T`; not copied.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        self.tensor().as_slice()
    }

    /// The elements of a gradient of dtype F16.
    pub fn as_f16(&self) -> Option<&[f16]> {
        self.as_slice()
    }

    /// The elements of a gradient of dtype BF16.
    pub fn as_bf16(&self) -> Option<&[bf16]> {
        self.as_slice()
    }

    /// The elements of a gradient of dtype F32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        self.as_slice()
    }

    /// The elements of a gradient of dtype F64.
    pub fn as_f64(&self) -> Option<&[f64]> {
        self.as_slice()
    }

    /// A copy of the elements, of whatever dtype, as doubles: exact.
    pub fn to_f64(&self) -> Vec<f64> {
        self.tensor().to_f64()
    }
}

impl fmt::Debug for Gradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gradient({} {:?})", self.dtype, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_aligned_wherever_they_were() {
        let buffer = Arc::new(Buffer::copy(&[0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 128, 63]));
        let copied = Gradient::new(Dtype::F32, vec![1], &buffer, 6..10).unwrap();
        assert_eq!(copied.as_f32().unwrap()[0].to_bits(), 0x3f80);
        let seen = Gradient::new(Dtype::F32, vec![2], &buffer, 4..12).unwrap();
        assert_eq!(seen.as_f32(), Some(&[1.0, 1.0][..]));
        assert_eq!(seen.bytes().as_ptr(), buffer.bytes()[4..].as_ptr());
        assert!(Gradient::new(Dtype::F32, vec![1], &buffer, 9..13).is_none());
    }
}
