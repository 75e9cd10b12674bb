// Hashes of shingles and their least by permutation: see filters/minhash.py, which says what is
// computed and has the same in Python.

#include <algorithm>
#include <array>
#include <exception>

#include "strings.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

namespace cuvee {
namespace {

// SHA-1 (FIPS 180-4, section 6.1), of which only the first 64 bits are wanted.
using State = std::array<uint32_t, 5>;
constexpr State kStart = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
constexpr size_t kBlock = 64;

uint32_t rotated(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

void add_block_anywhere(State& state, const unsigned char* block) {
  uint32_t words[80];
  for (int n = 0; n < 16; ++n)
    words[n] = uint32_t{block[4 * n]} << 24 | uint32_t{block[4 * n + 1]} << 16 |
               uint32_t{block[4 * n + 2]} << 8 | block[4 * n + 3];
  for (int n = 16; n < 80; ++n)
    words[n] = rotated(words[n - 3] ^ words[n - 8] ^ words[n - 14] ^ words[n - 16], 1);
  auto [a, b, c, d, e] = state;
  for (int n = 0; n < 80; ++n) {
    uint32_t mixture, constant;
    if (n < 20) {
      mixture = (b & c) | (~b & d), constant = 0x5A827999;
    } else if (n < 40) {
      mixture = b ^ c ^ d, constant = 0x6ED9EBA1;
    } else if (n < 60) {
      mixture = (b & c) | (b & d) | (c & d), constant = 0x8F1BBCDC;
    } else {
      mixture = b ^ c ^ d, constant = 0xCA62C1D6;
    }
    const uint32_t next = rotated(a, 5) + mixture + e + constant + words[n];
    e = d, d = c, c = rotated(b, 30), b = a, a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

#if defined(__x86_64__)
// The same by the processor's own instructions, four rounds at once.
struct Rounds {
  __m128i abcd, before, words[4];
};

template <int kGroup>
__attribute__((target("sha,sse4.1"), always_inline)) inline void four_rounds(Rounds& rounds,
                                                                              __m128i e) {
  auto& w = rounds.words;
  constexpr int kThis = kGroup % 4;
  if constexpr (kGroup >= 4) {
    const __m128i mixed = _mm_xor_si128(_mm_sha1msg1_epu32(w[kThis], w[(kThis + 1) % 4]),
                                        w[(kThis + 2) % 4]);
    w[kThis] = _mm_sha1msg2_epu32(mixed, w[(kThis + 3) % 4]);
  }
  e = kGroup == 0 ? _mm_add_epi32(e, w[0]) : _mm_sha1nexte_epu32(rounds.before, w[kThis]);
  rounds.before = rounds.abcd;
  rounds.abcd = _mm_sha1rnds4_epu32(rounds.abcd, e, kGroup / 5);
  if constexpr (kGroup < 19) four_rounds<kGroup + 1>(rounds, e);
}

__attribute__((target("sha,sse4.1"))) void add_block_by_instruction(State& state,
                                                                    const unsigned char* block) {
  const __m128i big_endian = _mm_set_epi64x(0x0001020304050607, 0x08090A0B0C0D0E0F);
  const auto word = [&](int n) { return static_cast<int>(state[n]); };
  Rounds rounds;
  const __m128i abcd = _mm_set_epi32(word(0), word(1), word(2), word(3));
  const __m128i e = _mm_set_epi32(word(4), 0, 0, 0);
  rounds.abcd = abcd;
  for (int n = 0; n < 4; ++n) {
    const auto part = reinterpret_cast<const __m128i*>(block + 16 * n);
    rounds.words[n] = _mm_shuffle_epi8(_mm_loadu_si128(part), big_endian);
  }
  four_rounds<0>(rounds, e);
  const __m128i last = _mm_sha1nexte_epu32(rounds.before, e);
  const __m128i sum = _mm_add_epi32(rounds.abcd, abcd);
  state = {static_cast<uint32_t>(_mm_extract_epi32(sum, 3)),
           static_cast<uint32_t>(_mm_extract_epi32(sum, 2)),
           static_cast<uint32_t>(_mm_extract_epi32(sum, 1)),
           static_cast<uint32_t>(_mm_extract_epi32(sum, 0)),
           static_cast<uint32_t>(_mm_extract_epi32(last, 3))};
}

bool has_instruction() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) &&
         __builtin_cpu_supports("sse4.1");
}
#endif

using AddBlock = void (*)(State&, const unsigned char*);

AddBlock block_adder() {
#if defined(__x86_64__)
  static const bool by_instruction = has_instruction();  // asking is slow in virtual machines
  if (by_instruction) return add_block_by_instruction;
#endif
  return add_block_anywhere;
}

// The first eight bytes of the digest, as a little-endian number.
uint64_t first_bytes(const unsigned char* text, size_t size, AddBlock add_block) {
  State state = kStart;
  size_t at = 0;
  for (; at + kBlock <= size; at += kBlock) add_block(state, text + at);
  unsigned char last[2 * kBlock] = {};
  const size_t left = size - at;
  std::memcpy(last, text + at, left);
  last[left] = 0x80;
  const size_t end = left + 9 <= kBlock ? kBlock : 2 * kBlock;
  for (int n = 0; n < 8; ++n) last[end - 1 - n] = static_cast<uint64_t>(size) * 8 >> 8 * n & 255;
  add_block(state, last);
  if (end > kBlock) add_block(state, last + kBlock);
  return uint64_t{__builtin_bswap32(state[1])} << 32 | __builtin_bswap32(state[0]);
}

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
constexpr int kLanes = 16;

// The least (hash * a + b) mod 2^64 mod (2^61 - 1) of each of `kLanes` permutations.
FOR_EACH_MACHINE
void least_of(const uint64_t* hashes, int64_t size, const uint64_t* a, const uint64_t* b,
              uint64_t* least) {
  uint64_t found[kLanes], factors[kLanes], terms[kLanes];
  for (int n = 0; n < kLanes; ++n) found[n] = ~uint64_t{0}, factors[n] = a[n], terms[n] = b[n];
  for (int64_t at = 0; at < size; ++at) {
    const uint64_t hash = hashes[at];
    for (int n = 0; n < kLanes; ++n) {
      const uint64_t product = hash * factors[n] + terms[n];
      const uint64_t folded = (product & kPrime) + (product >> 61);
      const uint64_t mixed = folded >= kPrime ? folded - kPrime : folded;
      found[n] = mixed < found[n] ? mixed : found[n];
    }
  }
  for (int n = 0; n < kLanes; ++n) least[n] = found[n];
}

}  // namespace
}  // namespace cuvee

extern "C" {

// Writes a hash for each n-gram of words joined with a space; returns how many there are.
int64_t minhash_shingles(const int32_t* numbers, int64_t size, const char* listing,
                         int64_t listing_size, int64_t ngram, uint64_t* hashes) {
  if (size < ngram) return 0;
  try {
    std::vector<std::string_view> words;
    for (const char *at = listing + 1, *end = listing + listing_size; at < end;) {
      const char* stop = std::find(at, end, '\n');
      words.emplace_back(at, stop - at);
      at = stop + 1;
    }
    std::string text;
    std::vector<size_t> starts(size + 1);
    for (int64_t n = 0; n < size; ++n) {
      starts[n] = text.size();
      text.append(words[numbers[n]]).push_back(' ');
    }
    starts[size] = text.size();
    const auto add_block = cuvee::block_adder();
    const auto bytes = reinterpret_cast<const unsigned char*>(text.data());
    for (int64_t n = 0; n + ngram <= size; ++n) {
      const size_t length = starts[n + ngram] - 1 - starts[n];
      hashes[n] = cuvee::first_bytes(bytes + starts[n], length, add_block);
    }
    return size - ngram + 1;
  } catch (const std::exception&) {
    return -1;
  }
}

// Writes the least permuted hash of each of `count` permutations.
void minhash_least(const uint64_t* hashes, int64_t size, const uint64_t* a, const uint64_t* b,
                   int64_t count, uint64_t* least) {
  for (int64_t done = 0; done < count; done += cuvee::kLanes) {
    uint64_t factors[cuvee::kLanes] = {}, terms[cuvee::kLanes] = {}, found[cuvee::kLanes];
    const int64_t some = std::min<int64_t>(count - done, cuvee::kLanes);
    std::copy_n(a + done, some, factors);
    std::copy_n(b + done, some, terms);
    cuvee::least_of(hashes, size, factors, terms, found);
    std::copy_n(found, some, least + done);
  }
}

// For tests: the first bytes of a SHA-1 by the way that any machine can go.
uint64_t minhash_sha1_anywhere(const unsigned char* text, int64_t size) {
  return cuvee::first_bytes(text, size, cuvee::add_block_anywhere);
}

}  // extern "C"
