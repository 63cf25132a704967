// Formats that are plain strings of bytes: batches, row images, commits, blocks.
#include <string>

#include "base/check.hpp"
#include "fuzz/targets.hpp"
#include "storage/sstable/block.hpp"
#include "storage/sstable/bloom_filter.hpp"
#include "storage/wal/batch_codec.hpp"
#include "txn/commit_codec.hpp"
#include "txn/row_image.hpp"

namespace ldb::fuzz {

using namespace storage;

const std::vector<NamedTarget>& targets() {
  static const std::vector<NamedTarget> all{{"log_segment", log_segment}, {"batch", batch},  {"manifest", manifest},
                                            {"current", current},         {"table", table},  {"block", block},
                                            {"row_image", row_image},     {"commit", commit}};
  return all;
}

void batch(std::string_view input) {
  if (input.empty()) return;
  const bool has_commit = (input.front() & 1) != 0;
  const std::string body(input.substr(1));
  BatchReader reader(body, has_commit);
  WriteBatch copy;
  BatchReader::Operation op;
  std::uint64_t operations = 0;
  while (reader.next(op)) {
    ++operations;
    if (op.kind == WriteBatch::Kind::kPut) copy.put(std::string(op.key), std::string(op.value));
    if (op.kind == WriteBatch::Kind::kDelete) copy.erase(std::string(op.key));
    if (op.kind == WriteBatch::Kind::kDeleteRange) copy.erase_range(std::string(op.key), std::string(op.value));
  }
  if (!reader.ok()) return;
  LDB_CHECK(operations == reader.operations());
  if (has_commit) copy.set_commit(std::string(reader.commit()));
  const std::string again = encode_batch(copy);
  BatchReader second(again, has_commit);
  copy.for_each([&](const WriteBatch::Operation& expected) {
    LDB_CHECK(second.next(op));
    LDB_CHECK(op.kind == expected.kind && op.key == expected.key && op.value == expected.value);
  });
  LDB_CHECK(!second.next(op) && second.ok());
}

void row_image(std::string_view input) {
  const std::string bytes(input);  // of its own, so that the sanitizer sees its end
  const auto image = decode_row_image(bytes);
  if (!image) {
    LDB_CHECK(image.error().code() == StatusCode::kCorruption);
    return;
  }
  const std::string again = encode_row_image(*image);
  const auto second = decode_row_image(again);
  LDB_CHECK(second.is_ok());
  LDB_CHECK(*second == *image);
}

void commit(std::string_view input) {
  const std::string bytes(input);
  (void)peek_commit(bytes);
  const auto view = parse_commit(bytes);
  const auto decoded = decode_commit(bytes);
  LDB_CHECK(view.is_ok() == decoded.is_ok());
  if (!view) {
    LDB_CHECK(view.error().code() == StatusCode::kCorruption || view.error().code() == StatusCode::kUnsupported);
    return;
  }
  for (const WriteView& write : view->writes) {
    if (write.kind == RowWrite::Kind::kInsert) LDB_CHECK(decode_row_image(view->image(write)).is_ok());
  }
  const std::string again = encode_commit(*decoded);
  const auto second = decode_commit(again);
  LDB_CHECK(second.is_ok());
  LDB_CHECK(second->dot.sequence == decoded->dot.sequence && second->stamp == decoded->stamp);
  LDB_CHECK(second->writes.size() == decoded->writes.size());
  LDB_CHECK(encode_commit(*second) == again);
}

void block(std::string_view input) {
  if (input.empty()) return;
  if ((input.front() & 1) != 0) {
    const std::string bytes(input.substr(1));
    const BloomFilter filter(bytes);
    (void)filter.may_contain("key");
    (void)filter.may_contain(bytes);
    return;
  }
  auto made = Block::create(input.substr(1), static_cast<Block::Use>((input.front() >> 1) % 3));
  if (!made) return;
  if ((input.front() >> 1) % 3 == 0) (void)(*made)->find(input.substr(input.size() / 2), kFirstTag);
  BlockIterator it(std::move(*made));
  const std::size_t bound = input.size() + 1;  // an entry takes at least a byte
  std::vector<std::pair<std::string, Tag>> keys;
  std::size_t steps = 0;
  for (it.seek_to_first(); it.valid(); it.next()) {
    LDB_CHECK(++steps <= bound);
    LDB_CHECK(it.value().size() <= input.size());
    keys.emplace_back(it.key(), it.tag());
  }
  for (std::size_t i = 0; i < keys.size() && i < 8; ++i) {
    it.seek(keys[i].first, keys[i].second);
    if (it.valid()) it.next();
    it.seek_before(keys[i].first, keys[i].second);
  }
  steps = 0;
  for (it.seek_to_last(); it.valid() && steps < 64; it.prev()) ++steps;
  it.seek("middle", kFirstTag);
  (void)it.status();
}

}  // namespace ldb::fuzz
