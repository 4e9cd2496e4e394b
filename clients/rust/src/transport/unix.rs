use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use socket2::{Domain, SockAddr, Socket, Type};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::Error;

/// Opens the socket of a path.
#[derive(Debug)]
pub(super) struct UnixConnector(pub(super) PathBuf);

impl Connector for UnixConnector {
    type Out = UnixTransport;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<UnixTransport>, Error> {
        let stream = connect(&self.0, details.timeout)?;
        let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers: LazyBuffers::new(input, output) }))
    }
}

/// Opens a socket. Where the daemon's queue is full the kernel waits for as long as a write may.
fn connect(path: &Path, timeout: NextTimeout) -> Result<UnixStream, Error> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(timeout.not_zero().map(|after| *after))?;
    socket.connect(&SockAddr::unix(path)?).map_err(|error| failure(error, timeout))?;
    Ok(OwnedFd::from(socket).into())
}

#[derive(Debug)]
pub(super) struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(timeout.not_zero().map(|after| *after))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(|error| failure(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let free = self.buffers.input_append_buf();
        let amount = read(&mut self.stream, free, timeout)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Open means that nothing has come: neither an end nor bytes that nobody asked for.
    fn is_open(&mut self) -> bool {
        let waits = |stream: &mut UnixStream| -> io::Result<bool> {
            stream.set_nonblocking(true)?;
            let nothing = matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            stream.set_nonblocking(false)?;
            Ok(nothing)
        };
        waits(&mut self.stream).unwrap_or(false)
    }
}

/// Reads, whatever signals come in between.
fn read(stream: &mut UnixStream, free: &mut [u8], timeout: NextTimeout) -> Result<usize, Error> {
    let began = Instant::now();
    loop {
        let left = timeout.not_zero().map(|after| after.saturating_sub(began.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Error::Timeout(timeout.reason));
        }
        stream.set_read_timeout(left)?;
        match stream.read(free) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(|error| failure(error, timeout)),
        }
    }
}

fn failure(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
