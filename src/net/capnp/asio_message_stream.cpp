#include "net/capnp/asio_message_stream.hpp"

#include <fcntl.h>

#include <cstring>
#include <utility>

#include <capnp/serialize.h>
#include <kj/debug.h>

#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include "base/coding.hpp"
#include "base/rt/rt.hpp"

namespace ldb::net::rpc {
namespace {

using capnp::word;

constexpr std::uint32_t kMaxSegments = 512;
// Up to this size a copy is cheaper than a system call of its own.
constexpr std::size_t kCopyLimit = 16 << 10;
// Writers of small messages wait while this much has not been sent.
constexpr std::size_t kOutputHighWater = 1 << 20;
// Bytes asked of one system call; Asio's default of 64 KiB costs a call per 64 KiB.
constexpr std::size_t kMaxTransfer = 4 << 20;

kj::Exception disconnected(const std::string& why) {
  return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__, kj::str(why.c_str()));
}

using Waiter = kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>>;

/// What it held, which is empty afterwards: a fulfilled promise may lead to another wait.
Waiter take(Waiter& waiter) {
  Waiter taken = kj::mv(waiter);
  waiter = nullptr;
  return taken;
}

void fulfill(Waiter waiter) {
  KJ_IF_MAYBE (fulfiller, waiter) {
    (*fulfiller)->fulfill();
  }
}

void reject(Waiter waiter, const kj::Exception& reason) {
  KJ_IF_MAYBE (fulfiller, waiter) {
    (*fulfiller)->reject(kj::cp(reason));
  }
}

std::size_t table_bytes(std::uint32_t segments) { return (std::size_t{segments} + 2) / 2 * sizeof(word); }

}  // namespace

AsioMessageStream::AsioMessageStream(asio::ip::tcp::socket socket, AsioKjLoop& loop, FrameLimits limits)
    : socket_(std::move(socket)),
      loop_(loop),
      limits_(limits),
      input_(kj::heapArray<word>(limits.buffer_bytes / sizeof(word))),
      last_received_ns_(rt::monotonic_ns()) {
  ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);  // not for programs that the application starts
}

void AsioMessageStream::close() {
  if (closed_) return;
  closed_ = true;
  asio::error_code ignored;
  socket_.close(ignored);  // nothing touches the buffers of outstanding operations from here on
  large_.clear();
  output_.clear();
  end_writes(disconnected("connection closed"));
  reject(take(resume_), disconnected("connection closed"));
}

void AsioMessageStream::discard() {
  discarding_ = true;
  close();
}

// ---- reading

kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> AsioMessageStream::tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd>,
                                                                                     capnp::ReaderOptions options,
                                                                                     kj::ArrayPtr<word>) {
  if (full_ && full_() && !closed_) {
    auto paf = kj::newPromiseAndFulfiller<void>();
    resume_ = kj::mv(paf.fulfiller);
    return paf.promise.then([this, self = shared_from_this(), options] { return read_frame(options); });
  }
  return kj::evalNow([&] { return read_frame(options); });  // a refused frame must be a rejected promise, not an exception
}

std::size_t AsioMessageStream::frame_bytes() const {
  const std::size_t available = input_end_ - input_begin_;
  if (available < sizeof(std::uint32_t)) return 0;
  const char* const header = reinterpret_cast<const char*>(input_.begin()) + input_begin_;
  const std::uint32_t segments_minus_one = load_u32(header);
  KJ_REQUIRE(segments_minus_one < kMaxSegments, "message has too many segments");
  const std::size_t table = table_bytes(segments_minus_one + 1);
  if (available < table) return 0;
  std::uint64_t bytes = table;
  for (std::uint32_t i = 0; i <= segments_minus_one; ++i) bytes += std::uint64_t{load_u32(header + 4 + 4 * i)} * sizeof(word);
  KJ_REQUIRE(bytes <= limits_.frame_bytes, "message too long", bytes, limits_.frame_bytes);
  return bytes;
}

AsioMessageStream::ReadResult AsioMessageStream::read_frame(capnp::ReaderOptions options) {
  if (closed_) return disconnected("connection closed");
  const std::size_t size = frame_bytes();  // 0: not even the header is complete
  if (size > 0 && input_end_ - input_begin_ >= size) {
    auto frame = kj::heapArray<word>(size / sizeof(word));
    std::memcpy(frame.begin(), reinterpret_cast<const char*>(input_.begin()) + input_begin_, size);
    input_begin_ += size;
    if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
    return deliver(kj::mv(frame), options);
  }
  if (size > limits_.buffer_bytes / 2) return read_large(size, options);
  return read_more(options);
}

kj::Maybe<capnp::MessageReaderAndFds> AsioMessageStream::deliver(kj::Array<word> frame, capnp::ReaderOptions options) {
  const auto view = frame.asPtr();
  kj::Own<capnp::MessageReader> reader = kj::heap<capnp::FlatArrayMessageReader>(view, options).attach(kj::mv(frame));
  if (inspect_) inspect_(*reader);
  return capnp::MessageReaderAndFds{kj::mv(reader), nullptr};
}

AsioMessageStream::ReadResult AsioMessageStream::read_large(std::size_t size, capnp::ReaderOptions options) {
  const auto frame = std::make_shared<kj::Array<word>>(kj::heapArray<word>(size / sizeof(word)));
  char* const bytes = reinterpret_cast<char*>(frame->begin());
  const std::size_t have = input_end_ - input_begin_;
  std::memcpy(bytes, reinterpret_cast<const char*>(input_.begin()) + input_begin_, have);
  input_begin_ = input_end_ = 0;
  auto paf = kj::newPromiseAndFulfiller<bool>();
  asio::async_read(
      socket_, asio::buffer(bytes + have, size - have),
      [this, self = shared_from_this(), last = std::size_t{0}](const asio::error_code& error,
                                                               std::size_t done) mutable -> std::size_t {
        received(done - std::exchange(last, done));
        return error ? 0 : kMaxTransfer;
      },
      [this, self = shared_from_this(), frame, fulfiller = kj::mv(paf.fulfiller)](
          const asio::error_code& error, std::size_t) mutable { finish_read(*fulfiller, error); });
  return paf.promise.then([this, self = shared_from_this(), frame, options](bool complete) -> ReadResult {
    if (!complete) return disconnected("connection ended inside a message");
    return deliver(kj::mv(*frame), options);
  });
}

AsioMessageStream::ReadResult AsioMessageStream::read_more(capnp::ReaderOptions options) {
  char* begin = reinterpret_cast<char*>(input_.begin());
  const std::size_t have = input_end_ - input_begin_;
  if (input_.size() * sizeof(word) < limits_.buffer_bytes) {  // the limits were raised
    auto bigger = kj::heapArray<word>(limits_.buffer_bytes / sizeof(word));
    std::memcpy(bigger.begin(), begin + input_begin_, have);
    input_ = kj::mv(bigger);
    begin = reinterpret_cast<char*>(input_.begin());
  } else if (input_begin_ > 0) {
    std::memmove(begin, begin + input_begin_, have);
  }
  input_begin_ = 0;
  input_end_ = have;
  auto paf = kj::newPromiseAndFulfiller<bool>();
  socket_.async_read_some(
      asio::buffer(begin + have, input_.size() * sizeof(word) - have),
      [this, self = shared_from_this(), fulfiller = kj::mv(paf.fulfiller)](const asio::error_code& error, std::size_t n) mutable {
        received(n);
        input_end_ += n;
        finish_read(*fulfiller, error);
      });
  return paf.promise.then([this, self = shared_from_this(), options](bool more) -> ReadResult {
    if (more) return read_frame(options);
    if (input_end_ != input_begin_) return disconnected("connection ended inside a message");
    return kj::Maybe<capnp::MessageReaderAndFds>(nullptr);
  });
}

void AsioMessageStream::received(std::size_t bytes) {
  if (bytes == 0) return;
  total_received_ += bytes;
  last_received_ns_ = rt::monotonic_ns();
}

void AsioMessageStream::finish_read(kj::PromiseFulfiller<bool>& fulfiller, const asio::error_code& error) {
  if (total_received_ > limits_.total_bytes) {
    fulfiller.reject(KJ_EXCEPTION(FAILED, "peer sent too much without saying hello"));
  } else if (!error) {
    fulfiller.fulfill(true);
  } else if (error == asio::error::eof) {
    fulfiller.fulfill(false);
  } else {
    fulfiller.reject(disconnected("read: " + error.message()));
  }
  loop_.pump();
}

// ---- writing

kj::Promise<void> AsioMessageStream::writeMessage(kj::ArrayPtr<const int>,
                                                  kj::ArrayPtr<const kj::ArrayPtr<const word>> segments) {
  if (discarding_) return kj::READY_NOW;
  if (closed_) return disconnected("connection closed");
  KJ_REQUIRE(segments.size() > 0 && large_.empty(), "one message at a time");
  put_u32(output_, static_cast<std::uint32_t>(segments.size() - 1));
  std::size_t size = 0;
  for (const auto& segment : segments) {
    put_u32(output_, static_cast<std::uint32_t>(segment.size()));
    size += segment.size() * sizeof(word);
  }
  if (segments.size() % 2 == 0) put_u32(output_, 0);

  if (size <= kCopyLimit) {
    for (const auto& segment : segments)
      output_.append(reinterpret_cast<const char*>(segment.begin()), segment.size() * sizeof(word));
    schedule_flush();
    if (output_.size() < kOutputHighWater) return kj::READY_NOW;
    auto paf = kj::newPromiseAndFulfiller<void>();
    drained_ = kj::mv(paf.fulfiller);
    return kj::mv(paf.promise);
  }

  for (const auto& segment : segments) large_.emplace_back(segment.begin(), segment.size() * sizeof(word));
  auto paf = kj::newPromiseAndFulfiller<void>();
  large_written_ = kj::mv(paf.fulfiller);
  flush();
  return paf.promise.attach(kj::defer([self = shared_from_this()] {
    if (self->large_written_ != nullptr) self->close();  // dropped half-way: the memory goes, so must the socket
  }));
}

kj::Promise<void> AsioMessageStream::writeMessages(kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const word>>> messages) {
  if (messages.size() == 0) return kj::READY_NOW;
  kj::Promise<void> first = writeMessage(nullptr, messages[0]);
  if (messages.size() == 1) return first;
  return first.then([this, rest = messages.slice(1, messages.size())]() { return writeMessages(rest); });
}

kj::Promise<void> AsioMessageStream::end() {
  asio::error_code ignored;
  if (!closed_ && !writing_ && output_.empty()) socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  return kj::READY_NOW;
}

void AsioMessageStream::schedule_flush() {
  if (writing_ || flush_posted_) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [this, self = shared_from_this()] {  // after the events of this turn added their messages
    flush_posted_ = false;
    flush();
  });
}

void AsioMessageStream::flush() {
  if (closed_ || writing_ || (output_.empty() && large_.empty())) return;
  writing_ = true;
  last_sent_ns_ = rt::monotonic_ns();
  sending_.swap(output_);
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(1 + large_.size());
  buffers.emplace_back(sending_.data(), sending_.size());
  buffers.insert(buffers.end(), large_.begin(), large_.end());
  sending_large_ = !large_.empty();
  large_.clear();
  asio::async_write(
      socket_, std::move(buffers),
      [this, self = shared_from_this()](const asio::error_code& error, std::size_t) -> std::size_t {
        last_sent_ns_ = rt::monotonic_ns();
        return error ? 0 : kMaxTransfer;
      },
      [this, self = shared_from_this()](const asio::error_code& error, std::size_t) { on_written(error); });
}

void AsioMessageStream::on_written(const asio::error_code& error) {
  writing_ = false;
  sending_.clear();
  if (closed_) return;
  if (error) {
    end_writes(disconnected("write: " + error.message()));
    close();
  } else {
    if (std::exchange(sending_large_, false)) fulfill(take(large_written_));
    flush();
    if (output_.size() < kOutputHighWater) fulfill(take(drained_));
  }
  loop_.pump();
  if (resume_ != nullptr && !full_()) {
    fulfill(take(resume_));
    loop_.pump();
  }
}

void AsioMessageStream::end_writes(const kj::Exception& reason) {
  if (discarding_) {
    fulfill(take(large_written_));
    fulfill(take(drained_));
  } else {
    reject(take(large_written_), reason);
    reject(take(drained_), reason);
  }
}

}  // namespace ldb::net::rpc
