// Repeated n-grams of words: see filters/ngrams.py, which says what is counted and has the same
// in Python.

#include <algorithm>
#include <exception>

#include "strings.h"

namespace cuvee {
namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
constexpr uint64_t kBase = 0x1B873593CC9E2D51ULL & kPrime;

uint64_t times(uint64_t x, uint64_t y) {
  const unsigned __int128 product = static_cast<unsigned __int128>(x) * y;
  const uint64_t sum =
      (static_cast<uint64_t>(product) & kPrime) + static_cast<uint64_t>(product >> 61);
  return sum >= kPrime ? sum - kPrime : sum;
}

uint64_t plus(uint64_t x, uint64_t y) { return x + y >= kPrime ? x + y - kPrime : x + y; }

size_t table_size(size_t items) {
  size_t size = 16;
  while (size < 2 * items) size *= 2;
  return size;
}

// Numbers pairs of numbers by first occurrence, and counts them.
class Pairs {
 public:
  std::vector<uint32_t> counts;
  std::vector<uint32_t> firsts;  // where each was first

  explicit Pairs(size_t most)
      : keys_(table_size(most)), slots_(keys_.size(), 0), mask_(keys_.size() - 1) {}

  uint32_t add(uint64_t key, uint32_t at) {
    for (size_t slot = mixed(key + 1, 0x9E3779B97F4A7C15ULL) & mask_;; slot = (slot + 1) & mask_) {
      if (slots_[slot] == 0) {
        keys_[slot] = key;
        counts.push_back(1);
        firsts.push_back(at);
        return (slots_[slot] = static_cast<uint32_t>(counts.size())) - 1;
      }
      if (keys_[slot] == key) {
        ++counts[slots_[slot] - 1];
        return slots_[slot] - 1;
      }
    }
  }

 private:
  std::vector<uint64_t> keys_;
  std::vector<uint32_t> slots_;  // a number plus one; 0 is empty
  size_t mask_;
};

// A text's words without anything between, and hashes of all stretches of words (Karp and Rabin
// 1987, modulo 2^61 - 1).
class Joined {
 public:
  std::string text;
  std::vector<size_t> starts;  // byte at which each word begins, and the end

  Joined(const int32_t* numbers, size_t size, std::string_view listing, size_t most_words)
      : starts(size + 1), sums_(size + 1) {
    std::vector<std::string_view> words;
    std::vector<uint64_t> hashes;
    for (size_t at = 1; at < listing.size();) {  // a line break is before, between and behind
      const size_t end = listing.find('\n', at);
      words.push_back(listing.substr(at, end - at));
      uint64_t hash = 0;
      for (const char c : words.back())
        hash = plus(times(hash, kBase), static_cast<unsigned char>(c) + 1);
      hashes.push_back(hash);
      at = end + 1;
    }
    for (size_t n = 0; n < size; ++n) {
      starts[n] = text.size();
      text.append(words[numbers[n]]);
    }
    starts[size] = text.size();
    make_powers(most_words);
    for (size_t n = 0; n < size; ++n)
      sums_[n + 1] = plus(times(sums_[n], powers_[starts[n + 1] - starts[n]]), hashes[numbers[n]]);
  }

  uint64_t hash(size_t from, size_t to) const {
    const uint64_t before = times(sums_[from], powers_[starts[to] - starts[from]]);
    return plus(sums_[to], kPrime - before);
  }

  bool same(size_t one, size_t other, size_t n) const {
    const size_t size = starts[one + n] - starts[one];
    return size == starts[other + n] - starts[other] &&
           std::memcmp(text.data() + starts[one], text.data() + starts[other], size) == 0;
  }

 private:
  // As many powers of the base as the longest stretch of so many words has bytes.
  void make_powers(size_t most_words) {
    size_t longest = 0;
    for (size_t n = 0; n + 1 < starts.size(); ++n)
      longest = std::max(longest, starts[std::min(n + most_words, starts.size() - 1)] - starts[n]);
    powers_.resize(longest + 1);
    powers_[0] = 1;
    for (size_t n = 1; n <= longest; ++n) powers_[n] = times(powers_[n - 1], kBase);
  }

  std::vector<uint64_t> sums_, powers_;
};

int64_t duplicate_chars(const Joined& joined, const std::vector<int64_t>& chars, size_t n) {
  const size_t size = chars.size() - 1;
  if (size < n) return 0;
  const size_t mask = table_size(size - n + 1) - 1;
  std::vector<uint32_t> slots(mask + 1, 0);  // a place plus one; 0 is empty
  std::vector<uint64_t> hashes(mask + 1);
  int64_t found = 0;
  for (size_t at = 0; at + n <= size;) {
    const uint64_t hash = joined.hash(at, at + n);
    size_t slot = mixed(hash, 0x9E3779B97F4A7C15ULL) & mask;
    while (slots[slot] != 0 &&
           (hashes[slot] != hash || !joined.same(slots[slot] - 1, at, n)))
      slot = (slot + 1) & mask;
    if (slots[slot] == 0) {
      slots[slot] = static_cast<uint32_t>(at + 1);
      hashes[slot] = hash;
      ++at;
    } else {
      found += chars[at + n] - chars[at];
      at += n;
    }
  }
  return found;
}

std::vector<int64_t> sums_of(const int32_t* numbers, int64_t size, const int32_t* lengths) {
  std::vector<int64_t> sums(size + 1, 0);
  for (int64_t n = 0; n < size; ++n) sums[n + 1] = sums[n] + lengths[numbers[n]];
  return sums;
}

}  // namespace
}  // namespace cuvee

extern "C" {

// For n from 2 to `most`: the characters of the commonest n-gram, joined with spaces, times its
// occurrences. No word has a space inside.
int64_t ngrams_top(const int32_t* numbers, int64_t size, const int32_t* lengths, int64_t most,
                   int64_t* result) {
  try {
    const auto chars = cuvee::sums_of(numbers, size, lengths);
    std::vector<uint32_t> grams(numbers, numbers + size);
    for (int64_t n = 2; n <= most; ++n) {
      const int64_t places = std::max<int64_t>(size - n + 1, 0);
      cuvee::Pairs pairs(places);
      for (int64_t at = 0; at < places; ++at) {
        const uint64_t key = static_cast<uint64_t>(grams[at]) << 32 |
                             static_cast<uint32_t>(numbers[at + n - 1]);
        grams[at] = pairs.add(key, static_cast<uint32_t>(at));
      }
      result[n - 2] = 0;
      if (places == 0) continue;
      // Of several equally common ones the first in the text.
      const auto best = std::max_element(pairs.counts.begin(), pairs.counts.end());
      const size_t at = pairs.firsts[best - pairs.counts.begin()];
      result[n - 2] = *best * (chars[at + n] - chars[at] + n - 1);
    }
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

// For n from `least` to `most`: the characters of duplicate n-grams, joined without anything.
int64_t ngrams_duplicate(const int32_t* numbers, int64_t size, const int32_t* lengths,
                         const char* listing, int64_t listing_size, int64_t least, int64_t most,
                         int64_t* result) {
  try {
    const auto chars = cuvee::sums_of(numbers, size, lengths);
    const cuvee::Joined joined(numbers, size, {listing, static_cast<size_t>(listing_size)}, most);
    for (int64_t n = least; n <= most; ++n)
      result[n - least] = cuvee::duplicate_chars(joined, chars, n);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

}  // extern "C"
