//! A vsock packet's header (virtio 1.2, section 5.10.6).

/// Bytes of a header.
pub(crate) const HEADER_LENGTH: usize = 44;

/// The only transport that is offered: VIRTIO_VSOCK_TYPE_STREAM.
pub(crate) const STREAM: u16 = 1;

/// SHUTDOWN: its sender receives no more.
pub(crate) const SHUTDOWN_RECEIVE: u32 = 1;

/// SHUTDOWN: its sender sends no more.
pub(crate) const SHUTDOWN_SEND: u32 = 2;

/// A header, with its fields in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) src_cid: u64,
    pub(crate) dst_cid: u64,
    pub(crate) src_port: u32,
    pub(crate) dst_port: u32,
    /// Bytes that follow the header.
    pub(crate) len: u32,
    pub(crate) kind: u16,
    pub(crate) op: u16,
    pub(crate) flags: u32,
    /// Its sender's receive buffer for this connection.
    pub(crate) buf_alloc: u32,
    /// How many bytes its sender has taken out of that buffer, ever, modulo 2^32.
    pub(crate) fwd_cnt: u32,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Request,
    Response,
    Reset,
    Shutdown,
    Data,
    CreditUpdate,
    CreditRequest,
}

impl Op {
    const ALL: [Op; 7] = [
        Op::Request,
        Op::Response,
        Op::Reset,
        Op::Shutdown,
        Op::Data,
        Op::CreditUpdate,
        Op::CreditRequest,
    ];

    /// VIRTIO_VSOCK_OP_*.
    pub(crate) fn number(self) -> u16 {
        match self {
            Op::Request => 1,
            Op::Response => 2,
            Op::Reset => 3,
            Op::Shutdown => 4,
            Op::Data => 5,
            Op::CreditUpdate => 6,
            Op::CreditRequest => 7,
        }
    }

    /// `None` for a number that means nothing.
    pub(crate) fn from_number(number: u16) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.number() == number)
    }
}

impl Header {
    /// Reads a header; every bit pattern is one.
    pub(crate) fn from_bytes(bytes: &[u8; HEADER_LENGTH]) -> Header {
        let mut reader = Reader(bytes);
        Header {
            src_cid: u64::from_le_bytes(reader.take()),
            dst_cid: u64::from_le_bytes(reader.take()),
            src_port: u32::from_le_bytes(reader.take()),
            dst_port: u32::from_le_bytes(reader.take()),
            len: u32::from_le_bytes(reader.take()),
            kind: u16::from_le_bytes(reader.take()),
            op: u16::from_le_bytes(reader.take()),
            flags: u32::from_le_bytes(reader.take()),
            buf_alloc: u32::from_le_bytes(reader.take()),
            fwd_cnt: u32::from_le_bytes(reader.take()),
        }
    }

    /// The header as it goes over the queue.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        let fields: [&[u8]; 10] = [
            &self.src_cid.to_le_bytes(),
            &self.dst_cid.to_le_bytes(),
            &self.src_port.to_le_bytes(),
            &self.dst_port.to_le_bytes(),
            &self.len.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.op.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.buf_alloc.to_le_bytes(),
            &self.fwd_cnt.to_le_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        bytes
    }
}

/// Takes fields off the front of a header. Asking for more than a header holds cannot compile into
/// silence: the sizes of the fields are fixed, and a test reads a whole header.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .expect("the fields' sizes add up to a header's");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn header_any_bytes_survive_a_round_trip(bytes in proptest::collection::vec(any::<u8>(), HEADER_LENGTH)) {
            let bytes: [u8; HEADER_LENGTH] = bytes.try_into().unwrap();
            prop_assert_eq!(Header::from_bytes(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn op_unknown_numbers_are_none() {
        assert_eq!(Op::from_number(0), None);
        assert_eq!(Op::from_number(8), None);
    }
}
