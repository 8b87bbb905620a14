// Runs a fuzz target without a fuzzer: over the empty input, every file named on the command line
// (a directory means the files in it), and for each input a fixed number of mutations that are the
// same in every run. The inputs under test lie in heap blocks of their exact size, so that
// AddressSanitizer sees a read beyond the end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kMutationsPerInput = 200;

void RunOne(const std::string& input) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[input.size()]);
  std::memcpy(exact.get(), input.data(), input.size());
  LLVMFuzzerTestOneInput(exact.get(), input.size());
}

// std::uniform_int_distribution differs between libraries; the engine alone does not.
class Mutator {
 public:
  size_t Below(size_t bound) { return bound == 0 ? 0 : engine_() % bound; }

  std::string Mutate(std::string input, const std::vector<std::string>& inputs) {
    for (size_t round = 0, rounds = 1 + Below(4); round < rounds; ++round) {
      const size_t at = Below(input.size());
      switch (Below(6)) {
        case 0:
          if (!input.empty()) input[at] ^= static_cast<char>(1 << Below(8));
          break;
        case 1:
          if (!input.empty()) input[at] = static_cast<char>(Below(256));
          break;
        case 2:
          input.resize(at);
          break;
        case 3:
          input.insert(at, std::string(1 + Below(9), static_cast<char>(Below(2) ? 0xff : 0)));
          break;
        case 4:
          input.erase(at, 1 + Below(8));
          break;
        case 5: {
          const std::string& other = inputs[Below(inputs.size())];
          input.replace(at, std::string::npos, other.substr(Below(other.size())));
          break;
        }
      }
    }
    return input;
  }

 private:
  std::mt19937_64 engine_{20};
};

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (std::filesystem::exists(argv[i])) {
      files.push_back(argv[i]);
    } else {
      std::fprintf(stderr, "%s: no such file\n", argv[i]);
      return 1;
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> inputs = {""};
  for (const auto& file : files) inputs.push_back(Contents(file));
  for (const std::string& input : inputs) RunOne(input);
  Mutator mutator;
  for (const std::string& input : inputs) {
    for (int i = 0; i < kMutationsPerInput; ++i) RunOne(mutator.Mutate(input, inputs));
  }
  std::printf("%zu inputs, %d mutations each\n", inputs.size(), kMutationsPerInput);
  return 0;
}
