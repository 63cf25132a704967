// The page cache of a mapped file of FaultyFileSystem.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace ldb {

/// Memory that somebody stores to without a call, from any thread, while others look for what changed. A look may see a store in
/// part, as a disk would; the thread sanitizer does not hear of it.
class FaultyPages {
 public:
  static constexpr std::uint64_t kSectorBytes = 512;

  explicit FaultyPages(std::uint64_t size_bytes)
      : size_bytes_(size_bytes),
        words_(std::make_unique<std::uint64_t[]>((size_bytes + kSectorBytes - 1) / sizeof(std::uint64_t))) {}
  char* data() { return reinterpret_cast<char*>(words_.get()); }
  std::uint64_t size() const { return size_bytes_; }
  /// What is there of the sector at `offset`, a multiple of kSectorBytes, into as many bytes at `sector`.
  void load_sector(std::uint64_t offset, std::uint64_t* sector) const;
  /// What lies beyond the end is left out.
  void store(std::uint64_t offset, std::string_view bytes);

 private:
  const std::uint64_t size_bytes_;
  const std::unique_ptr<std::uint64_t[]> words_;  // whole sectors
};

}  // namespace ldb
