use std::borrow::Cow;
use std::fmt;

use half::{bf16, f16};
use serde::Deserialize;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Dtype {
    /// IEEE 754 half precision: [`half::f16`].
    F16,
    /// The upper half of a single: [`half::bf16`].
    #[serde(rename = "BF16")]
    Bf16,
    /// IEEE 754 single precision: `f32`.
    F32,
    /// IEEE 754 double precision: `f64`.
    F64,
}

impl Dtype {
    /// Its name on the wire: `F16`, `BF16`, `F32` or `F64`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F16 => "F16",
            Dtype::Bf16 => "BF16",
            Dtype::F32 => "F32",
            Dtype::F64 => "F64",
        }
    }

    /// The bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        }
    }

    /// The bytes of a tensor of this shape, if they can be counted.
    pub(crate) fn bytes_of(self, shape: &[usize]) -> Option<usize> {
        shape.iter().try_fold(self.size(), |bytes, &axis| bytes.checked_mul(axis))
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed: bytemuck::Pod {
        const DTYPE: super::Dtype;
        fn widen(self) -> f64;
    }
}

/// What a tensor may consist of: [`half::f16`], [`half::bf16`], `f32` and `f64`.
pub trait Element: sealed::Sealed {}

macro_rules! element {
    ($type:ty, $dtype:expr) => {
        impl sealed::Sealed for $type {
            const DTYPE: Dtype = $dtype;
            fn widen(self) -> f64 {
                f64::from(self)
            }
        }
        impl Element for $type {}
    };
}
element!(f16, Dtype::F16);
element!(bf16, Dtype::Bf16);
element!(f32, Dtype::F32);
element!(f64, Dtype::F64);

/// A tensor that is borrowed: elements in row-major order as they lie in memory, with dtype and shape.
///
/// ```
/// use rnnloss::{Dtype, Tensor};
///
/// let rates = vec![0.5_f32; 2 * 3 * 4];
/// let fr = Tensor::new(&rates, &[2, 3, 4]); // batch, time, neurons
/// assert_eq!(fr.dtype(), Dtype::F32);
/// assert_eq!(fr.as_f32().unwrap().as_ptr(), rates.as_ptr()); // nothing was copied
/// ```
#[derive(Clone, Debug)]
pub struct Tensor<'a> {
    dtype: Dtype,
    shape: Cow<'a, [usize]>,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// A tensor of these elements. Whether they fill the shape is the daemon's to judge (`malformed-safetensors`,
    /// in JSON `invalid-data`).
    pub fn new<T: Element>(elements: &'a [T], shape: impl Into<Cow<'a, [usize]>>) -> Self {
        Self::from_bytes(T::DTYPE, shape, bytemuck::cast_slice(elements))
    }

    /// A tensor of elements that are given by their little-endian bytes, aligned or not.
    pub fn from_bytes(dtype: Dtype, shape: impl Into<Cow<'a, [usize]>>, bytes: &'a [u8]) -> Self {
        Tensor { dtype, shape: shape.into(), bytes }
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The axes, the last of which runs fastest; empty for a number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements as little-endian bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements, if they are of type `T` (and, after [`from_bytes`](Tensor::from_bytes), aligned).
    pub fn as_slice<T: Element>(&self) -> Option<&'a [T]> {
        if T::DTYPE != self.dtype {
            return None;
        }
        bytemuck::try_cast_slice(self.bytes).ok()
    }

    /// The elements of a tensor of dtype F16, see [`as_slice`](Tensor::as_slice).
    pub fn as_f16(&self) -> Option<&'a [f16]> {
        self.as_slice()
    }

    /// The elements of a tensor of dtype BF16, see [`as_slice`](Tensor::as_slice).
    pub fn as_bf16(&self) -> Option<&'a [bf16]> {
        self.as_slice()
    }

    /// The elements of a tensor of dtype F32, see [`as_slice`](Tensor::as_slice).
    pub fn as_f32(&self) -> Option<&'a [f32]> {
        self.as_slice()
    }

    /// The elements of a tensor of dtype F64, see [`as_slice`](Tensor::as_slice).
    pub fn as_f64(&self) -> Option<&'a [f64]> {
        self.as_slice()
    }

    /// A copy of the elements, of whatever dtype, as doubles: exact.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.dtype {
            Dtype::F16 => self.widened::<f16>(),
            Dtype::Bf16 => self.widened::<bf16>(),
            Dtype::F32 => self.widened::<f32>(),
            Dtype::F64 => self.widened::<f64>(),
        }
    }

    fn widened<T: Element>(&self) -> Vec<f64> {
        self.elements::<T>().map(sealed::Sealed::widen).collect()
    }

    /// The elements one by one, wherever they lie; bytes that fill none are left out.
    pub(crate) fn elements<T: Element>(&self) -> impl Iterator<Item = T> + 'a {
        let whole = self.bytes.chunks_exact(size_of::<T>());
        whole.map(bytemuck::pod_read_unaligned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_needs_its_own_dtype() {
        let rates = [1.0_f32, -2.0];
        let tensor = Tensor::new(&rates, &[1, 2]);
        assert_eq!(tensor.as_f32(), Some(&rates[..]));
        assert!(tensor.as_f64().is_none() && tensor.as_f16().is_none() && tensor.as_bf16().is_none());
        assert_eq!(tensor.shape(), [1, 2]);
    }

    #[test]
    fn unaligned_bytes_have_no_view_but_can_be_read() {
        let words = [0_u64; 3];
        let bytes = &bytemuck::cast_slice::<u64, u8>(&words)[1..17];
        let tensor = Tensor::from_bytes(Dtype::F64, &[2], bytes);
        assert!(tensor.as_f64().is_none());
        assert_eq!(tensor.to_f64(), [0.0, 0.0]);
    }

    #[test]
    fn every_dtype_widens_exactly() {
        assert_eq!(Tensor::new(&[f16::from_f32(-0.5)], &[1]).to_f64(), [-0.5]);
        assert_eq!(Tensor::new(&[bf16::from_f32(3.0)], &[1]).to_f64(), [3.0]);
        assert_eq!(Tensor::new(&[0.1_f32], &[1]).to_f64(), [0.1_f32 as f64]);
        assert_eq!(Tensor::new(&[0.1_f64], &[1]).to_f64(), [0.1]);
    }

    #[test]
    fn too_many_elements_are_not_counted() {
        assert_eq!(Dtype::F32.bytes_of(&[2, 3]), Some(24));
        assert_eq!(Dtype::F64.bytes_of(&[]), Some(8));
        assert_eq!(Dtype::F64.bytes_of(&[usize::MAX, 2]), None);
    }
}
