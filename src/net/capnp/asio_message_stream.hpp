// Cap'n Proto messages over an Asio TCP socket.
#pragma once

#include <capnp/serialize-async.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>

#include "net/capnp/asio_kj_loop.hpp"

namespace ldb::net::rpc {

/// Bounds of what one stream accepts.
struct FrameLimits {
  std::size_t frame_bytes;   ///< of one message, segment table included
  std::size_t buffer_bytes;  ///< of the read buffer; frames up to half of it share system calls with their neighbours
  std::uint64_t total_bytes = UINT64_MAX;  ///< of everything read since the stream was made
};

/// Frames are the standard unpacked ones (capnp/serialize.h): u32 segment count - 1, u32 words of each segment, padding to 8
/// bytes, segments; little-endian. A frame over a limit, with more than 512 segments, or cut off by the end of the stream fails
/// the read for good.
///
/// Reading: small frames are cut out of a shared buffer, large ones are read straight into memory of their own. Handlers own what
/// they read into, since a KJ promise may be dropped while the system call is outstanding. Writing: small messages are copied and
/// sent together once per turn of the loop; large ones are sent from where they are. Dropping the promise of a large write closes
/// the socket, since its frame may be half sent.
///
/// Network thread only. Errors are final. close() or discard() must be called before the last reference goes.
class AsioMessageStream final : public capnp::MessageStream, public std::enable_shared_from_this<AsioMessageStream> {
 public:
  AsioMessageStream(asio::ip::tcp::socket socket, AsioKjLoop& loop, FrameLimits limits);

  /// From the next frame on.
  void set_limits(FrameLimits limits) { limits_ = limits; }
  /// While `full` says so no further message is read; it is asked again after each write. To be set before the first read.
  void pause_reading_while(std::function<bool()> full) { full_ = std::move(full); }
  /// Sees each message before it is delivered; an exception refuses it, and fails the read. To be set before the first read.
  void inspect_messages(std::function<void(capnp::MessageReader&)> inspect) { inspect_ = std::move(inspect); }
  /// Outstanding reads and writes fail. Idempotent.
  void close();
  /// close(), but from now on writes succeed without doing anything, so that whatever is queued above goes away by itself.
  void discard();

  /// rt::monotonic_ns() when the last bytes arrived; at first, when the stream was made.
  std::int64_t last_received_ns() const { return last_received_ns_; }
  /// When the write under way last moved on; INT64_MAX when there is none.
  std::int64_t write_stuck_since_ns() const { return writing_ ? last_sent_ns_ : INT64_MAX; }

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd> fd_space,
                                                                    capnp::ReaderOptions options,
                                                                    kj::ArrayPtr<capnp::word> scratch) override;
  /// One at a time: not before the promise of the one before is ready.
  kj::Promise<void> writeMessage(kj::ArrayPtr<const int> fds,
                                 kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override { return nullptr; }
  kj::Promise<void> end() override;

 private:
  using ReadResult = kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>>;
  using ReadFulfiller = kj::Own<kj::PromiseFulfiller<bool>>;

  std::size_t frame_bytes() const;
  ReadResult read_frame(capnp::ReaderOptions options);
  kj::Maybe<capnp::MessageReaderAndFds> deliver(kj::Array<capnp::word> frame, capnp::ReaderOptions options);
  ReadResult read_large(std::size_t size, capnp::ReaderOptions options);
  ReadResult read_more(capnp::ReaderOptions options);
  void received(std::size_t bytes);
  void finish_read(kj::PromiseFulfiller<bool>& fulfiller, const asio::error_code& error);

  void schedule_flush();
  void flush();
  void on_written(const asio::error_code& error);
  void end_writes(const kj::Exception& reason);

  asio::ip::tcp::socket socket_;
  AsioKjLoop& loop_;
  FrameLimits limits_;
  bool closed_ = false;
  bool discarding_ = false;

  std::function<void(capnp::MessageReader&)> inspect_;
  std::function<bool()> full_;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> resume_;  // the read that waits for full_ to become false
  kj::Array<capnp::word> input_;  // [input_begin_, input_end_) are bytes received and not yet delivered; begin is word-aligned
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  std::uint64_t total_received_ = 0;
  std::int64_t last_received_ns_;

  std::string output_;                                            // copied messages and headers, not yet given to the socket
  std::string sending_;                                           // what the write under way sends first
  std::vector<asio::const_buffer> large_;                         // segments of a large message, to follow output_
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> large_written_;  // set from the large write until all of it is sent
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> drained_;        // a small write waits for output_ to shrink
  bool writing_ = false;
  bool sending_large_ = false;
  bool flush_posted_ = false;
  std::int64_t last_sent_ns_ = 0;
};

}  // namespace ldb::net::rpc
