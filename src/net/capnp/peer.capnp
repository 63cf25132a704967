# The protocol between ldb nodes. docs/PROTOCOL.md has the prose: ports, deadlines, limits, versions, what the bodies hold.
#
# A node that wants something of another opens a TCP connection and speaks Cap'n Proto RPC (rpc.capnp, two-party, unpacked frames). The
# node that accepted offers one bootstrap object, a Peer. Calls go in one direction only: from the node that connected to the one that
# accepted. A node that both asks and answers keeps two connections.
#
# Changes: fields and methods are only ever appended. `hello` may not change its meaning in any version, since it is what two nodes of
# different versions understand of each other. Whatever else needs both sides to agree gets a new protocol version.
@0x94636ec4393174ce;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ldb::wire");

const currentVersion :UInt16 = 1;
# The newest protocol version that this schema describes; also the oldest one still spoken.

interface Peer {
  # What a connection offers before anybody has introduced himself.

  hello @0 (offer :Offer) -> (answer :Welcome);
  # Must be the first call, once, within the acceptor's handshake deadline; until it succeeded a frame may hold 8 KiB and the connection
  # 64 KiB altogether. A second hello is refused.
}

struct Offer {
  # Who connects, and what he understands.

  oldestVersion @0 :UInt16;
  newestVersion @1 :UInt16;
  # The protocol versions the connecting node speaks, both inclusive. The acceptor picks the newest that both speak.

  cluster @2 :Text;
  # Name of the cluster. Must equal the acceptor's, so that two clusters that share a network never mix.

  node @3 :Text;
  # Name of the connecting node: 1 to 256 bytes.

  maxBodyBytes @4 :UInt64;
  # The longest `Answer.body` it takes; a longer one must be sent as the failure `resourceExhausted`.
}

struct Welcome {
  union {
    accepted :group {
      version @0 :UInt16;
      # The version spoken from here on.

      node @1 :Text;
      # Name of the accepting node. One who expected another closes the connection.

      session @2 :Session;

      maxBodyBytes @3 :UInt64;
      # The longest request body that the acceptor takes. A longer one is answered with `resourceExhausted`; a frame that exceeds this by
      # more than 4 KiB breaks the connection.

      maxInflightBytes @4 :UInt64;
      # How much the unanswered requests of this connection may come to, counted as body plus 1 KiB each.

      silenceTimeoutMs @5 :UInt32;
      # The acceptor closes a connection on which nothing has arrived for this long: ping at least three times as often.
    }
    refused @6 :Failure;
    # `invalidArgument`: another cluster, or a malformed offer. `unavailable`: no common version, or the acceptor does not talk to this
    # node at present. The one who connected closes.
  }
}

interface Session {
  # What a node that said hello may ask. Calls are independent of each other: they may be answered in any order, and a caller that lost
  # interest cancels by dropping the call.

  call @0 (kind :UInt16, body :Data) -> (answer :Answer);
  # One request to the node. `kind` is ldb::RequestKind; what the bodies hold depends on it (docs/PROTOCOL.md).

  ping @1 () -> ();
  # Answered at once. Whoever connected pings to show that he lives, and to see that the other does.
}

struct Answer {
  union {
    body @0 :Data;
    failure @1 :Failure;
  }
}

struct Failure {
  # An ldb::Status that is not ok. Texts are cut to 16 KiB.

  code @0 :Code;
  message @1 :Text;
  sqlState @2 :Text;
  # Five characters, or empty: derived from the code.

  detail @3 :Text;
  position @4 :UInt32;
  # 1-based character index in an SQL statement; 0: unknown.
}

enum Code {
  # ldb::StatusCode. A code the reader does not know counts as `internal`.

  ok @0;
  # Never sent.
  notFound @1;
  alreadyExists @2;
  invalidArgument @3;
  unsupported @4;
  conflict @5;
  constraint @6;
  corruption @7;
  ioError @8;
  noSpace @9;
  resourceExhausted @10;
  timeout @11;
  unavailable @12;
  outcomeUnknown @13;
  aborted @14;
  internal @15;
}
