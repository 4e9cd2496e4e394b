use std::cell::Cell;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::Error;

thread_local! {
    /// Whether the last bytes that this thread sent went over a connection that had been kept.
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Says of what ureq does on this thread whether it was by a connection that had been kept: one of those may have been
/// closed by the daemon in the meantime, which is no failure of the request.
pub(crate) struct Witness;

impl Witness {
    /// Begins to look.
    pub(crate) fn new() -> Self {
        KEPT.set(false);
        Witness
    }

    /// Whether something was sent since, over a connection that had been kept.
    pub(crate) fn saw_a_kept_connection(&self) -> bool {
        KEPT.get()
    }
}

/// Makes connections that can be witnessed.
#[derive(Debug)]
pub(super) struct Witnessing;

impl<In: Transport> Connector<In> for Witnessing {
    type Out = Witnessed<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Witnessed { inner, kept: false }))
    }
}

#[derive(Debug)]
pub(super) struct Witnessed<In> {
    inner: In,
    /// Whether an answer has come by it before.
    kept: bool,
}

impl<In: Transport> Transport for Witnessed<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        KEPT.set(self.kept);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let more = self.inner.await_input(timeout)?;
        self.kept |= more;
        Ok(more)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
