#include "storage/wal/log.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/coding.hpp"
#include "storage/file_names.hpp"

namespace ldb::storage {
namespace {
constexpr std::size_t kMaxRecyclable = 3;
}  // namespace

std::string Log::segment_path(std::uint64_t number) const { return join_path(options_.directory, log_name(number)); }

Result<std::unique_ptr<Log>> Log::open(Options options, LogState state) {
  auto log = std::unique_ptr<Log>(new Log(std::move(options)));
  if (state.segments.empty()) {
    LDB_ASSIGN_OR_RETURN(log->current_, log->create_segment(1));
    state.segments.push_back(1);
    state.tail = {1, kSegmentHeaderBytes};
    state.begin = state.tail;
  } else {
    LDB_TRY(log->sync_recovered(state));
    LDB_TRY(log->continue_segment(state.tail));
    log->vouched_at_sync_ = UINT64_MAX;  // the first record says that all of this is durable
  }
  log->offset_ = log->buffer_offset_ = state.tail.offset;
  rt::MutexLock lock(log->mutex_);
  for (std::size_t i = 0; i + 1 < state.segments.size(); ++i) {
    LDB_ASSIGN_OR_RETURN(const std::uint64_t size, log->options_.file_system->file_size(log->segment_path(state.segments[i])));
    log->ends_.push_back(size);
  }
  log->segments_.assign(state.segments.begin(), state.segments.end());
  log->window_ = log->current_.window;
  log->written_offset_.store(state.tail.offset, std::memory_order_relaxed);
  log->synced_ = state.tail;
  log->begin_ = log->released_ = state.begin;
  lock.unlock();
  if (state.marked) return log;
  if (Status status = log->vouch_for_recovered(); !status) return status;
  return log;
}

Status Log::vouch_for_recovered() {
  if (!fits(0)) return {};  // to begin a segment for it would need space, which an opening on a full disk has not
  encode(RecordType::kMark, 0, 0, record_body_checksum({}), {});
  return write_buffer(false);
}

Status Log::sync_recovered(const LogState& state) {
  for (const std::uint64_t number : state.segments) {
    if (number < state.vouched.segment) continue;
    const std::string path = segment_path(number);
    LDB_ASSIGN_OR_RETURN(auto source, options_.file_system->open_readable(path));
    LDB_ASSIGN_OR_RETURN(auto target, options_.file_system->open_writable(path, OpenMode::kExisting));
    LDB_ASSIGN_OR_RETURN(std::uint64_t end, source->size());
    if (number == state.tail.segment) end = std::min(end, state.tail.offset);  // the padding of the last record may be missing
    std::string chunk;
    for (std::uint64_t at = number == state.vouched.segment ? state.vouched.offset : 0; at < end; at += chunk.size()) {
      chunk.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end - at, 1 << 20)));
      LDB_ASSIGN_OR_RETURN(const std::size_t n, source->read(at, chunk.size(), chunk.data()));
      if (n != chunk.size()) return Status(StatusCode::kIoError, path + ": became shorter while it was being recovered");
      LDB_TRY(target->write_at(at, chunk));
    }
    LDB_TRY(target->sync());
    LDB_TRY(target->close());
  }
  return {};
}

Status Log::continue_segment(LogPosition tail) {
  FileSystem& fs = *options_.file_system;
  const std::string path = segment_path(tail.segment);
  std::string header(kSegmentHeaderBytes, '\0');
  {
    LDB_ASSIGN_OR_RETURN(auto file, fs.open_readable(path));
    LDB_ASSIGN_OR_RETURN(const std::size_t n, file->read(0, header.size(), header.data()));
    header.resize(n);
  }
  const auto decoded = decode_segment_header(header);
  if (!decoded) return decoded.error().with_context(path);
  LDB_ASSIGN_OR_RETURN(auto file, fs.open_writable(path, OpenMode::kExisting));
  // Whatever stood behind the tail (torn records, records behind a gap) must be gone for good before new records are written, or
  // a later recovery could take it for their continuation.
  LDB_TRY(file->truncate(tail.offset));
  LDB_TRY(file->preallocate(std::max<std::uint64_t>(options_.segment_bytes, tail.offset)));
  LDB_TRY(file->sync());
  current_ = {tail.segment, decoded->generation, std::move(file), nullptr};
  current_.window = map(*current_.file);
  return {};
}

std::shared_ptr<LogWindow> Log::map(WritableFile& file) const {
  auto mapping = options_.map ? file.map(options_.segment_bytes) : nullptr;
  return mapping ? std::make_shared<LogWindow>(std::move(mapping), options_.segment_bytes) : nullptr;
}

Result<Log::Segment> Log::create_segment(std::uint64_t number) {
  FileSystem& fs = *options_.file_system;
  std::string old_path;
  {
    rt::MutexLock lock(mutex_);
    if (!recyclable_.empty()) {
      old_path = std::move(recyclable_.back());
      recyclable_.pop_back();
    }
  }
  Segment segment;
  segment.number = number;
  segment.generation = rt::random_u64();
  const bool recycled = !old_path.empty();
  if (!recycled) old_path = segment_path(number) + ".tmp";
  LDB_ASSIGN_OR_RETURN(segment.file, fs.open_writable(old_path, recycled ? OpenMode::kExisting : OpenMode::kTruncate));
  const auto set_up = [&]() -> Status {
    LDB_TRY(segment.file->preallocate(options_.segment_bytes));
    LDB_TRY(segment.file->write_at(0, encode_segment_header({number, segment.generation})));
    // The name appears only over a durable header: a segment without one is damage, not an interrupted creation.
    LDB_TRY(segment.file->sync());
    LDB_TRY(fs.rename(old_path, segment_path(number)));
    return fs.sync_directory(options_.directory);
  };
  if (Status status = set_up(); !status) {
    segment.file.reset();
    (void)fs.remove(old_path);
    return status.with_context("create log segment " + log_name(number));
  }
  segment.window = map(*segment.file);
  return segment;
}

Status Log::prepare_next() {
  rt::MutexLock prepare_lock(prepare_mutex_);
  std::uint64_t number = 0;
  {
    rt::MutexLock lock(mutex_);
    if (!poisoned_) return poisoned_;
    if (prepared_.file) return {};
    number = segments_.back() + 1;
  }
  LDB_ASSIGN_OR_RETURN(Segment segment, create_segment(number));
  rt::MutexLock lock(mutex_);
  prepared_ = std::move(segment);
  return {};
}

bool Log::wants_next() const {
  rt::MutexLock lock(mutex_);
  return !prepared_.file && written().offset > next_wanted_at();
}

void Log::follow_writer() {
  std::shared_ptr<LogWindow> last;
  std::shared_ptr<LogWindow> current;
  std::shared_ptr<LogWindow> next;
  std::uint64_t stored = 0;
  {
    rt::MutexLock lock(mutex_);
    last.swap(last_window_);
    current = window_;
    next = prepared_.window;
    stored = written().offset;
  }
  if (!current) return;
  current->follow(stored);
  if (next && current->in_use(stored)) next->begin();
}

void Log::encode(RecordType type, std::uint8_t flags, std::uint64_t sequence, std::uint64_t body_checksum,
                 std::string_view body) {
  RecordHeader header;
  header.type = type;
  header.flags = flags;
  header.sequence = sequence;
  header.body_size = static_cast<std::uint32_t>(body.size());
  header.body_checksum = body_checksum;
  if (const std::uint64_t syncs = syncs_.load(std::memory_order_acquire);
      syncs != vouched_at_sync_ || type == RecordType::kMark) {
    vouched_at_sync_ = syncs;
    header.flags |= kRecordVouches;
    header.vouched = last_vouched_ = synced_end();
  }
  wants_mark_ = type != RecordType::kMark;
  encode_record_header(buffer_, header, current_.generation, offset_);
  buffer_.append(body);
  offset_ += header.total_size();
  buffer_.resize(static_cast<std::size_t>(offset_ - buffer_offset_));  // pads with zeros
}

/// With a seal behind it.
bool Log::fits(std::size_t body_bytes) const {
  const std::uint64_t worst = kRecordHeaderBytes + kVouchBytes + body_bytes + 2 * kRecordAlignment;
  const std::uint64_t seal = kRecordHeaderBytes + kVouchBytes + 8;
  return offset_ + worst + seal <= options_.segment_bytes;
}

Status Log::append(RecordType type, std::uint8_t flags, std::uint64_t sequence, std::uint64_t body_checksum,
                   std::string_view body) {
  LDB_TRY(poisoned());
  if (offset_ > kSegmentHeaderBytes && !fits(body.size())) LDB_TRY(change_segment());
  encode(type, flags, sequence, body_checksum, body);
  return {};
}

Status Log::change_segment() {
  // The next segment exists durably before this one is sealed: a seal whose successor is missing is damage.
  if (Status status = prepare_next(); !status) return poison(status);
  std::string body;
  put_u64(body, current_.number + 1);
  encode(RecordType::kSeal, 0, 0, record_body_checksum(body), body);
  LDB_TRY(write_out());
  std::shared_ptr<LogWindow> older;  // nobody else unmapped it
  {
    // In one step: prepare_next() must not make a second segment of the same number, and a sync that sees the new segment must
    // find this one among those before it. Not under sync_mutex_: writers would wait for a sync of the background.
    rt::MutexLock lock(mutex_);
    LDB_CHECK(prepared_.number == current_.number + 1);
    unsynced_.push_back({current_.number, offset_, std::move(current_.file)});
    older = std::exchange(last_window_, std::move(current_.window));
    current_ = std::move(prepared_);
    prepared_ = Segment();
    window_ = current_.window;
    ends_.push_back(offset_);
    segments_.push_back(current_.number);
    written_offset_.store(kSegmentHeaderBytes, std::memory_order_release);
  }
  offset_ = buffer_offset_ = kSegmentHeaderBytes;
  return {};
}

Status Log::write_buffer(bool may_map) {
  LDB_TRY(poisoned());
  if (buffer_.empty()) return {};
  if (!may_map || !current_.window || !current_.window->store(buffer_offset_, buffer_)) {
    if (Status status = current_.file->write_at(buffer_offset_, buffer_); !status) return poison(status);
  }
  bytes_written_.store(bytes_written() + buffer_.size(), std::memory_order_relaxed);
  buffer_offset_ += buffer_.size();
  buffer_.clear();
  if (buffer_.capacity() > (4u << 20)) buffer_.shrink_to_fit();
  written_offset_.store(buffer_offset_, std::memory_order_release);
  return {};
}

Status Log::sync_older(std::uint64_t before_segment) {
  for (;;) {
    Unsynced* oldest = nullptr;
    {
      rt::MutexLock lock(mutex_);
      if (unsynced_.empty() || unsynced_.front().number >= before_segment) return {};
      oldest = &unsynced_.front();  // stays there: only the holder of sync_mutex_ takes any out
    }
    if (Status status = oldest->file->sync(); !status) return poison(status);
    set_synced({oldest->number, oldest->end});
    if (Status status = oldest->file->close(); !status) return poison(status);
    rt::MutexLock lock(mutex_);
    unsynced_.pop_front();
  }
}

void Log::set_synced(LogPosition position) {
  rt::MutexLock lock(mutex_);
  synced_ = std::max(synced_, position);
  syncs_.fetch_add(1, std::memory_order_release);
}

Status Log::sync() {
  LDB_TRY(write_buffer(false));
  const LogPosition target = position();
  if (synced_end() >= target) return {};
  rt::MutexLock lock(sync_mutex_);
  LDB_TRY(poisoned());
  LDB_TRY(sync_older(target.segment));
  if (synced_end() >= target) return {};
  if (Status status = current_.file->sync(); !status) return poison(status);
  set_synced(target);
  return {};
}

Status Log::sync_to(LogPosition position) {
  rt::MutexLock lock(sync_mutex_);
  LDB_TRY(poisoned());
  if (synced_end() >= position) return {};
  LogPosition target;
  {
    rt::MutexLock state_lock(mutex_);
    target = written();
  }
  LDB_TRY(sync_older(target.segment));
  if (synced_end() >= position) return {};
  // A handle of our own: the writer's belongs to the writer, and a sync through any handle covers the whole file.
  auto file = options_.file_system->open_writable(segment_path(target.segment), OpenMode::kExisting);
  if (!file) return file.error();
  if (Status status = (*file)->sync(); !status) return poison(status);
  set_synced(target);
  return {};
}

Status Log::close() {
  if (closed_) return {};
  closed_ = true;
  Status status = sync();
  if (status && wants_mark_) {
    status = append(RecordType::kMark, 0, 0, record_body_checksum({}), {});
    if (status) status = sync();
  }
  current_.window = nullptr;  // what is truncated may not be mapped
  {
    rt::MutexLock lock(mutex_);
    window_ = last_window_ = prepared_.window = nullptr;
  }
  if (status) status = current_.file->truncate(offset_);  // gives the preallocated space back
  if (current_.file) {
    const Status closing = current_.file->close();
    if (status) status = closing;
  }
  rt::MutexLock sync_lock(sync_mutex_);
  rt::MutexLock lock(mutex_);
  unsynced_.clear();
  if (prepared_.file) {
    prepared_.file.reset();
    // After a failure a seal that names the next segment may be on disk; recovery removes what it does not need.
    if (poisoned_) (void)options_.file_system->remove(segment_path(prepared_.number));
  }
  for (const std::string& path : recyclable_) (void)options_.file_system->remove(path);
  recyclable_.clear();
  return status;
}

LogPosition Log::synced_end() const {
  rt::MutexLock lock(mutex_);
  return synced_;
}

LogPosition Log::end() const {
  rt::MutexLock lock(mutex_);
  return behind_seal(synced_);
}

LogPosition Log::past_seal(LogPosition position) const {
  rt::MutexLock lock(mutex_);
  return behind_seal(position);
}

LogPosition Log::begin() const {
  rt::MutexLock lock(mutex_);
  return std::max(begin_, released_);
}

Status Log::poisoned_slowly() const {
  rt::MutexLock lock(mutex_);
  return poisoned_;
}

Status Log::poison(const Status& cause) {
  rt::MutexLock lock(mutex_);
  if (poisoned_) {
    poisoned_flag_.store(true, std::memory_order_release);
    poisoned_ = cause.with_context("the log failed and refuses writes until the engine is reopened");
    if (options_.log_sink != nullptr) options_.log_sink->log(LogLevel::kError, "storage", poisoned_.message());
  }
  return poisoned_;
}

Result<std::uint64_t> Log::readable_end(LogPosition position) const {
  rt::MutexLock lock(mutex_);
  if (position < std::max(begin_, released_)) {
    return Status(StatusCode::kNotFound,
                  "log position " + std::to_string(position.segment) + ":" + std::to_string(position.offset) + " was released");
  }
  if (position.segment > synced_.segment) return std::uint64_t{0};
  if (position.segment == synced_.segment) return synced_.offset;
  const auto it = std::lower_bound(segments_.begin(), segments_.end(), position.segment);
  if (it == segments_.end() || *it != position.segment) {
    return Status(StatusCode::kNotFound, "log segment " + log_name(position.segment) + " does not exist");
  }
  return ends_[static_cast<std::size_t>(it - segments_.begin())];
}

void Log::release(LogPosition position) {
  rt::MutexLock lock(mutex_);
  position = std::min(position, synced_);
  released_ = std::max(released_, behind_seal(position));
}

/// The end of a sealed segment is the beginning of the next one.
LogPosition Log::behind_seal(LogPosition position) const {
  const auto it = std::lower_bound(segments_.begin(), segments_.end(), position.segment);
  if (it != segments_.end() && *it == position.segment && it + 1 != segments_.end() &&
      position.offset >= ends_[static_cast<std::size_t>(it - segments_.begin())]) {
    return {*(it + 1), kSegmentHeaderBytes};
  }
  return position;
}

LogPosition Log::keep_from(LogPosition flushed, std::uint64_t max_bytes) const {
  rt::MutexLock lock(mutex_);
  LogPosition keep = std::max(begin_, released_);
  std::uint64_t total = 0;
  for (const std::uint64_t end : ends_) total += end;
  for (std::size_t i = 0; i < ends_.size() && total + options_.segment_bytes > max_bytes; ++i) {
    total -= ends_[i];
    keep = std::max(keep, LogPosition{segments_[i + 1], kSegmentHeaderBytes});
  }
  return std::min(keep, flushed);
}

void Log::drop_before(LogPosition position) {
  std::vector<std::string> dropped;
  {
    rt::MutexLock lock(mutex_);
    begin_ = std::max(begin_, position);
    while (segments_.size() > 1 && segments_.front() < std::min(position.segment, pinned_.load())) {
      std::string path = segment_path(segments_.front());
      if (ends_.front() >= options_.segment_bytes / 2 && recyclable_.size() < kMaxRecyclable) {
        recyclable_.push_back(std::move(path));
      } else {
        dropped.push_back(std::move(path));
      }
      segments_.pop_front();
      ends_.pop_front();
    }
  }
  for (const std::string& path : dropped) (void)options_.file_system->remove(path);
}

std::uint64_t Log::total_bytes() const {
  rt::MutexLock lock(mutex_);
  std::uint64_t total = written().offset;
  for (const std::uint64_t end : ends_) total += end;
  return total;
}

std::uint64_t Log::segment_count() const {
  rt::MutexLock lock(mutex_);
  return segments_.size();
}

}  // namespace ldb::storage
