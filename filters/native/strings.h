// Strings that are numbered: what the kernels share. See filters/native/__init__.py.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace cuvee {

inline uint64_t mixed(uint64_t x, uint64_t y) {
  unsigned __int128 product = static_cast<unsigned __int128>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// A hash for tables in memory; it decides nothing that is stored.
inline uint64_t hash_of(std::string_view text) {
  constexpr uint64_t kOne = 0xA0761D6478BD642FULL, kTwo = 0xE7037ED1A0B428DBULL;
  uint64_t hash = kOne ^ text.size();
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t part;
    std::memcpy(&part, at, 8);
    hash = mixed(hash ^ part, kTwo);
  }
  uint64_t last = 0;
  std::memcpy(&last, at, left);
  return mixed(hash ^ last, kTwo);
}

// Gives each string the number of its first occurrence, from 0.
class Numbered {
 public:
  static constexpr int64_t kNone = -1;

  size_t size() const { return entries_.size(); }
  size_t bytes() const { return pool_.size() + entries_.size() * sizeof(Entry); }

  std::string_view operator[](size_t number) const {
    return {pool_.data() + entries_[number].offset, entries_[number].size};
  }

  bool has(std::string_view text) const { return find(text, hash_of(text)) != kNone; }

  int64_t find(std::string_view text, uint64_t hash) const {
    if (slots_.empty()) return kNone;
    for (size_t slot = hash & mask_; slots_[slot] != 0; slot = (slot + 1) & mask_) {
      const size_t number = slots_[slot] - 1;
      if (entries_[number].hash == hash && (*this)[number] == text) return number;
    }
    return kNone;
  }

  // Begins to bring here what `find` will look at.
  void prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & mask_]);
  }

  // The same, one step further each: the entry, once the slot is here, and then its text.
  void prefetch_entry(uint64_t hash) const {
    if (const uint32_t slot = first_slot(hash)) __builtin_prefetch(&entries_[slot - 1]);
  }
  int64_t prefetch_text(uint64_t hash) const {
    const uint32_t slot = first_slot(hash);
    if (slot == 0) return kNone;
    __builtin_prefetch(pool_.data() + entries_[slot - 1].offset);
    return slot - 1;
  }

  // `text` must not be there yet.
  uint32_t add(std::string_view text, uint64_t hash) {
    if (2 * (entries_.size() + 1) > slots_.size()) grow();
    const uint32_t number = static_cast<uint32_t>(entries_.size());
    entries_.push_back({hash, pool_.size(), static_cast<uint32_t>(text.size())});
    pool_.append(text);
    place(number);
    return number;
  }

  uint32_t number_of(std::string_view text) {
    const uint64_t hash = hash_of(text);
    const int64_t found = find(text, hash);
    return found == kNone ? add(text, hash) : static_cast<uint32_t>(found);
  }

 private:
  struct Entry {
    uint64_t hash;
    uint64_t offset;
    uint32_t size;
  };

  uint32_t first_slot(uint64_t hash) const { return slots_.empty() ? 0 : slots_[hash & mask_]; }

  void place(uint32_t number) {
    size_t slot = entries_[number].hash & mask_;
    while (slots_[slot] != 0) slot = (slot + 1) & mask_;
    slots_[slot] = number + 1;
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), 0);
    mask_ = slots_.size() - 1;
    for (uint32_t number = 0; number < entries_.size(); ++number) place(number);
  }

  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // a number plus one; 0 is empty
  size_t mask_ = 0;
  std::string pool_;
};

// Strings that are looked up a few at a time. After an extraction nothing of the tables is in
// the processor's caches, so each step of the way is asked for before the first is needed.
class Together {
 public:
  bool full() const { return strings_.size() == kMost; }
  void clear() { strings_.clear(); }

  void add(std::string_view text, const Numbered& table) {
    strings_.push_back({text, hash_of(text)});
    table.prefetch(strings_.back().hash);
  }

  // Calls `use(text, hash)` for all, in order, and forgets them; `parts` says more of a number.
  template <typename Parts, typename Use>
  void each(const Numbered& table, const Parts& parts, Use use) {
    for (const String& string : strings_) table.prefetch_entry(string.hash);
    for (const String& string : strings_) {
      const int64_t likely = table.prefetch_text(string.hash);
      if (likely != Numbered::kNone) __builtin_prefetch(&parts[likely]);
    }
    for (const auto& [text, hash] : strings_) use(text, hash);
    strings_.clear();
  }

 private:
  struct String {
    std::string_view text;
    uint64_t hash;
  };

  static constexpr size_t kMost = 32;
  std::vector<String> strings_;
};

}  // namespace cuvee
