//! Serves the keyring that started this program.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::Context;
use attestation_keyring::wire::{self, Reply, Request};
use attestation_keyring::{TokenName, read_pin};
use cryptoki::session::Session;
use rustix::event::{PollFd, PollFlags, poll};

use crate::fault::Fault;
use crate::token::{Asker, Token};
use crate::{Place, gcm, keys};

/// Answers until the keyring hangs up.
pub fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let mut stream = socket()?;
    end_with_the_keyring(&stream)?;
    let token = match open(place) {
        Ok(token) => token,
        Err(fault) => {
            answer(&mut stream, &reply_of(fault))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    answer(&mut stream, &Reply::Done)?;
    // An end of file is how a keyring says that it is done.
    while let Ok(bytes) = wire::receive(&mut stream) {
        let request = Request::from_bytes(&bytes)?;
        let reply = obey(&token.session, &request).unwrap_or_else(reply_of);
        answer(&mut stream, &reply)?;
        if let Reply::Lost(_) = reply {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(place: &Place) -> Result<Token, Fault> {
    let name = place.name();
    let pin = read_pin(&place.pin_file);
    let pin = pin.map_err(|error| Fault::Lost(format!("the PIN file: {error}")))?;
    Token::open(&place.module, &name, &pin, Asker::Program)
}

impl Place {
    /// The token's name; clap saw to it that there is one.
    pub fn name(&self) -> TokenName {
        match (&self.token_label, &self.token_serial) {
            (_, Some(serial)) => TokenName::Serial(serial.clone()),
            (label, None) => TokenName::Label(label.clone().unwrap_or_default()),
        }
    }
}

fn obey(session: &Session, request: &Request) -> Result<Reply, Fault> {
    match request {
        Request::Ensure { key, label } => {
            keys::ensure(session, *key, label)?;
            Ok(Reply::Done)
        }
        Request::Wrap {
            key,
            iv,
            context,
            data_key,
        } => {
            let key = keys::find(session, *key)?;
            Ok(Reply::Wrapped(gcm::wrap(
                session, key, *iv, context, data_key,
            )?))
        }
        Request::Unwrap {
            key,
            wrapped,
            context,
        } => {
            let key = keys::find(session, *key)?;
            Ok(Reply::Unwrapped(gcm::unwrap(
                session, key, wrapped, context,
            )?))
        }
        Request::Destroy { key } => {
            keys::destroy(session, *key)?;
            Ok(Reply::Done)
        }
    }
}

fn reply_of(fault: Fault) -> Reply {
    match fault {
        Fault::Refused(refusal) => Reply::Refused(refusal),
        Fault::Pin(why) => Reply::PinRefused(why),
        Fault::Lost(why) => Reply::Lost(why),
    }
}

fn answer(stream: &mut UnixStream, reply: &Reply) -> anyhow::Result<()> {
    wire::send(stream, &reply.to_bytes()).context("the keyring does not listen any more")
}

fn socket() -> anyhow::Result<UnixStream> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = UnixStream::from(socket);
    stream.peer_addr().context(
        "serve is for the keyring, which gives a socket as standard input; people use check",
    )?;
    Ok(stream)
}

/// A module that hangs would keep this process when the keyring is long gone.
fn end_with_the_keyring(stream: &UnixStream) -> anyhow::Result<()> {
    let stream = stream.try_clone()?;
    std::thread::spawn(move || {
        // Without events of its own it waits for the end alone (poll(2), POLLHUP).
        let mut end = [PollFd::new(&stream, PollFlags::empty())];
        while poll(&mut end, None).is_err() {}
        std::process::exit(0);
    });
    Ok(())
}
