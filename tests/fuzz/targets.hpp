// What the fuzzers call, and what corpus_test.cpp calls with every input kept. A target takes any bytes; it aborts (LDB_CHECK)
// when a reader breaks its promise: clear errors only, no read out of bounds (the sanitizers see those), and what was read is
// written back and read again as the same.
#pragma once

#include <string_view>
#include <vector>

namespace ldb::fuzz {

using Target = void (*)(std::string_view input);
struct NamedTarget {
  std::string_view name;
  Target run;
};
const std::vector<NamedTarget>& targets();

void log_segment(std::string_view input);
void batch(std::string_view input);
void manifest(std::string_view input);
void current(std::string_view input);
void table(std::string_view input);
void block(std::string_view input);
void row_image(std::string_view input);
void commit(std::string_view input);

/// Cuts an input into a sequence of numbers and strings.
class Feed {
 public:
  explicit Feed(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  unsigned byte() {
    if (bytes_.empty()) return 0;
    const auto b = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return b;
  }
  /// Two bytes of length, then so many bytes, or what is left.
  std::string_view chunk() {
    const std::size_t wanted = byte() | byte() << 8;
    const std::string_view result = bytes_.substr(0, wanted);
    bytes_.remove_prefix(result.size());
    return result;
  }
  std::string_view rest() { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace ldb::fuzz
