use std::io::ErrorKind;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::Error;

/// Makes connections that hear out a peer which doesn't want to hear the rest.
///
/// A daemon that refuses a request before its body (401, 413, …) answers and closes. The write of a large body then fails,
/// and ureq would report that in the place of the answer. Here such a failure is kept quiet: what is left of the body goes
/// nowhere, and then either the answer is there to be read, or reading fails.
#[derive(Debug)]
pub(super) struct Tolerance;

impl<In: Transport> Connector<In> for Tolerance {
    type Out = Tolerant<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Tolerant { inner, deaf: false }))
    }
}

#[derive(Debug)]
pub(super) struct Tolerant<In> {
    inner: In,
    /// Whether the peer takes no more.
    deaf: bool,
}

impl<In: Transport> Transport for Tolerant<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.deaf {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(Error::Io(error)) if is_end(error.kind()) => {
                self.deaf = true;
                Ok(())
            }
            result => result,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        !self.deaf && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}
