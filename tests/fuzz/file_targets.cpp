// Formats that are files: log segments, manifests, CURRENT, tables. The first byte of an input says whether the rest is the file
// itself or a list of parts to which the right checksums are given; otherwise a fuzzer would never get past a checksum.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/check.hpp"
#include "base/coding.hpp"
#include "base/hash.hpp"
#include "fuzz/targets.hpp"
#include "ldb/faulty_file_system.hpp"
#include "storage/file_names.hpp"
#include "storage/inspect/inspect.hpp"
#include "storage/manifest/manifest.hpp"
#include "storage/sstable/table_reader.hpp"
#include "storage/wal/log_format.hpp"
#include "storage/wal/log_recovery.hpp"

namespace ldb::fuzz {

using namespace storage;

namespace {

void check_clear(const Status& status) {
  if (status) return;
  LDB_CHECK(status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported ||
            status.code() == StatusCode::kNotFound || status.code() == StatusCode::kResourceExhausted);
  LDB_CHECK(!status.message().empty());
}

/// A segment of records with valid checksums: type, flags, sequence step, vouched offset, body; or a seal, which ends it. What
/// the feed still has belongs to the next one.
std::string assemble_segment(Feed& feed, std::uint64_t number, std::uint64_t& sequence) {
  const std::uint64_t generation = 41 + number;
  std::string out = encode_segment_header({number, generation});
  while (!feed.empty()) {
    RecordHeader header;
    const unsigned type = feed.byte();
    header.type = static_cast<RecordType>(1 + type % 3);
    header.flags = static_cast<std::uint8_t>(feed.byte() & 3);
    header.sequence = sequence += feed.byte() % 4;
    if ((header.flags & kRecordVouches) != 0) header.vouched = {1 + feed.byte() % 2, feed.byte() * 8ULL};
    const bool torn = feed.byte() % 16 == 1;
    const bool seal = type >= 240;
    std::string body(feed.chunk());
    if (seal) {
      header.type = RecordType::kSeal;
      body.clear();
      put_u64(body, number + 1);
    }
    header.body_size = static_cast<std::uint32_t>(body.size());
    header.body_checksum = record_body_checksum(body) + (torn ? 1 : 0);
    const std::uint64_t offset = out.size();
    encode_record_header(out, header, generation, offset);
    out += body;
    out.resize(static_cast<std::size_t>(offset) + header.total_size());
    if (seal) break;
  }
  return out;
}

/// Up to three segments.
FaultyFileSystem::DirectoryImage assemble_log(Feed& feed) {
  FaultyFileSystem::DirectoryImage files;
  std::uint64_t sequence = 1;
  for (std::uint64_t number = 1; number <= 3 && (number == 1 || !feed.empty()); ++number)
    files[log_name(number)] = assemble_segment(feed, number, sequence);
  return files;
}

std::string all_entries(StorageEngine& engine) {
  std::string text;
  const auto it = engine.iterate(nullptr, {}).value();
  for (it->seek_to_first(); it->valid(); it->next()) {
    put_u64(text, it->key().size());
    put_u64(text, it->value().size());
    text.append(it->key()).append(it->value());
  }
  LDB_CHECK(it->status().is_ok());
  return text;
}

struct Recovered {
  Status status;
  std::string batches;
};

Recovered recover(FileSystem& fs) {
  LogRecoveryRequest request;
  request.file_system = &fs;
  request.directory = "db";
  Recovered result;
  const auto state = recover_log(request, [&](LogPosition, const RecordHeader& header, std::string_view body) {
    result.batches += std::to_string(header.sequence) + ":";
    result.batches += body;
    return Status();
  });
  result.status = state.error();
  return result;
}

}  // namespace

void log_segment(std::string_view input) {
  Feed feed(input);
  const unsigned mode = feed.byte();
  FaultyFileSystem::DirectoryImage files;
  if (mode % 2 == 0)
    files[log_name(1)] = feed.rest();
  else
    files = assemble_log(feed);
  FaultyFileSystem fs(1);
  fs.restore_directory("db", files);
  const Recovered first = recover(fs);
  check_clear(first.status);
  // Recovery says the same twice.
  const Recovered second = recover(fs);
  LDB_CHECK(first.status.code() == second.status.code());
  LDB_CHECK(first.batches == second.batches);
  const LineSink ignore = [](const std::string&) {};
  check_clear(dump_log(fs, "db", ignore));
  const auto damage = check_log(fs, "db", {}, {}, ignore);
  if (!first.status && first.status.code() == StatusCode::kCorruption) LDB_CHECK(!damage.empty());
  // What an engine shows that was opened on it must not depend on being flushed or opened again.
  if (mode < 192) return;  // slower, so for some inputs only
  EngineOptions options;
  options.file_system = &fs;
  options.memtable_bytes = 16 << 10;
  options.log_segment_bytes = 16 << 10;
  options.background_threads = 1;
  options.create_if_missing = true;
  fs.restore_directory("db", {});
  {
    auto engine = open_lsm_engine("db", options);
    LDB_CHECK(engine.is_ok());
  }
  auto image = fs.copy_directory("db");
  for (const auto& [name, file] : files) image[name] = file;
  fs.restore_directory("db", image);
  auto engine = open_lsm_engine("db", options);
  check_clear(engine.error());
  if (!engine) return;
  const std::string shown = all_entries(**engine);
  LDB_CHECK((*engine)->flush().is_ok());
  LDB_CHECK(all_entries(**engine) == shown);
  engine.value() = nullptr;
  engine = open_lsm_engine("db", options);
  LDB_CHECK(engine.is_ok());
  LDB_CHECK(all_entries(**engine) == shown);
}

void manifest(std::string_view input) {
  Feed feed(input);
  const unsigned mode = feed.byte();
  if (mode % 3 == 2) {
    const auto edit = VersionEdit::decode(feed.rest());
    check_clear(edit.error());
    if (!edit) return;
    const std::string again = edit->encode();
    const auto second = VersionEdit::decode(again);
    LDB_CHECK(second.is_ok());
    LDB_CHECK(second->encode() == again);
    return;
  }
  std::string file;
  if (mode % 3 == 0) {
    file = feed.rest();
  } else {
    put_u64(file, 0x31304e414d42444cULL);
    put_u32(file, 1);
    put_u32(file, 0);
    put_u64(file, 1);
    put_u64(file, hash64(file));
    while (!feed.empty()) {
      const std::uint64_t vouched = feed.byte() * 4ULL;
      const std::string_view payload = feed.chunk();
      const std::size_t start = file.size();
      const std::uint64_t seed = 1 + start;
      put_u64(file, 0);
      put_u64(file, vouched);
      put_u64(file, hash64(payload, seed));
      put_u32(file, static_cast<std::uint32_t>(payload.size()));
      store_u64(file.data() + start, hash64(std::string_view(file).substr(start + 8), seed));
      file += payload;
    }
  }
  FaultyFileSystem fs(1);
  fs.restore_directory("db", {{"MANIFEST-000001", file}});
  const auto state = walk_manifest(fs, "db", 1, nullptr, nullptr);
  check_clear(state.error());
  if (!state) return;
  LDB_CHECK(state->version->check().empty());
  // A manifest written from what was read says the same.
  LDB_CHECK(fs.create_directory("copy").is_ok());
  LDB_CHECK(ManifestWriter::create(fs, "copy", 2, *state).is_ok());
  const auto again = walk_manifest(fs, "copy", 2, nullptr, nullptr);
  LDB_CHECK(again.is_ok());
  LDB_CHECK(again->snapshot().encode() == state->snapshot().encode());
}

void current(std::string_view input) {
  Feed feed(input);
  const bool whole = feed.byte() % 2 == 0;
  std::string file(feed.rest());
  if (!whole) file += fmt::format(" {:016x}\n", hash64(file));
  FaultyFileSystem fs(1);
  fs.restore_directory("db", {{std::string(kCurrentName), file}});
  const auto number = read_current(fs, "db");
  check_clear(number.error());
  check_clear(read_manifest(fs, "db", nullptr, std::make_shared<ObsoleteTables>()).error());
  if (!number) return;
  LDB_CHECK(*number != 0);  // that is a directory without CURRENT
  // Only what a writer makes is taken.
  ManifestState state;
  state.version = std::make_shared<Version>();
  LDB_CHECK(ManifestWriter::create(fs, "db", *number, state).is_ok());
  LDB_CHECK(fs.read_file(join_path("db", kCurrentName)).value() == file);
}

void table(std::string_view input) {
  Feed feed(input);
  const unsigned mode = feed.byte();
  std::string file;
  if (mode % 2 == 0) {
    file = feed.rest();
  } else {
    Footer footer;
    const auto add = [&](BlockHandle& handle, std::string_view contents, BlockLayout layout, const Compressor* compressor) {
      handle.offset = file.size();
      const std::string stored = encode_block(std::string(contents), layout, compressor, file.size());
      handle.size = static_cast<std::uint32_t>(stored.size() - kBlockTrailerBytes);
      file += stored;
    };
    const Compressor zstd(1);
    const Compressor* const compressor = mode % 4 == 3 ? &zstd : nullptr;
    BlockHandle data;
    if (feed.byte() % 2 == 1) add(footer.dictionary, feed.chunk(), BlockLayout::kBytes, nullptr);
    for (unsigned n = feed.byte() % 4; n > 0; --n)
      add(data, feed.chunk(), feed.byte() % 2 == 1 ? BlockLayout::kBytes : BlockLayout::kEntries, compressor);
    if (feed.byte() % 2 == 1) add(footer.tombstones, feed.chunk(), BlockLayout::kEntries, compressor);
    add(footer.index, feed.chunk(), BlockLayout::kEntries, compressor);
    if (feed.byte() % 2 == 1) add(footer.properties, feed.chunk(), BlockLayout::kEntries, nullptr);
    file += encode_footer(footer);
  }
  FaultyFileSystem fs(1);
  fs.restore_directory("db", {{"000001.sst", file}});
  const LineSink ignore = [](const std::string&) {};
  const auto damage = check_table(fs, "db/000001.sst", nullptr);
  check_clear(dump_table(fs, "db/000001.sst", true, ignore));
  const auto opened = TableReader::open(fs, "db/000001.sst", 1, nullptr);
  check_clear(opened.error());
  if (!opened) {
    LDB_CHECK(!damage.empty());
    return;
  }
  check_clear((*opened)->properties().error());
  const auto it = (*opened)->iterate(false);
  // Index entries may name one block again and again, so entries are bounded by the square of the size; 2000 steps are enough
  // here.
  int steps = 0;
  std::string some_key;
  for (it->seek_to_first(); it->valid() && steps < 2000; it->next()) {
    if (++steps == 3) some_key = it->key();
  }
  check_clear(it->status());
  steps = 0;
  for (it->seek_to_last(); it->valid() && steps < 2000; it->prev()) ++steps;
  check_clear(it->status());
  it->seek(some_key, kFirstTag);
  check_clear(it->status());
  check_clear((*opened)->get(some_key, kMaxSequence).error());
  check_clear((*opened)->get("absent", 5).error());
  (void)(*opened)->approximate_offset(some_key);
}

}  // namespace ldb::fuzz
