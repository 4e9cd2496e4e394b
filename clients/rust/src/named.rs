use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Values by name, in the order of the answer.
///
/// `named["mse"]` panics if there is no such name; [`get`](Named::get) doesn't.
#[derive(Clone, PartialEq)]
pub struct Named<T>(Vec<(String, T)>);

impl<T> Named<T> {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, name: &str, value: T) {
        self.0.push((name.to_owned(), value));
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Each value made into another, or the first failure.
    pub(crate) fn try_map<U, E>(self, mut map: impl FnMut(&str, T) -> Result<U, E>) -> Result<Named<U>, E> {
        let mapped = self.0.into_iter().map(|(name, value)| {
            let value = map(&name, value)?;
            Ok((name, value))
        });
        mapped.collect::<Result<_, E>>().map(Named)
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T> Index<&str> for Named<T> {
    type Output = T;

    fn index(&self, name: &str) -> &T {
        self.get(name).unwrap_or_else(|| panic!("there is no {name:?} in the answer"))
    }
}

impl<T: fmt::Debug> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut named = Named::default();
                while let Some(member) = map.next_entry()? {
                    named.0.push(member);
                }
                Ok(named)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        let named: Named<u32> = serde_json::from_str(r#"{"mse": 1, "fr": 2, "a": 3}"#).unwrap();
        assert_eq!(named.names().collect::<Vec<_>>(), ["mse", "fr", "a"]);
        assert_eq!((named["fr"], named.get("b"), named.len()), (2, None, 3));
    }
}
