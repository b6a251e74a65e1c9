// Counts the words of a text, as C++'s standard library has it done.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

static std::uint32_t digested(std::uint32_t digest, std::string_view text) {
    for (unsigned char byte : text) {
        digest = (digest ^ byte) * 16777619;
    }
    return digest;
}

// WASI's C++ library comes without file streams.
static std::string read_all(const char *path) {
    std::string text;
    if (std::FILE *file = std::fopen(path, "rb")) {
        char buffer[1 << 16];
        for (std::size_t length; (length = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
            text.append(buffer, length);
        }
        std::fclose(file);
    }
    return text;
}

int main(int argc, char **argv) {
    std::cout << "words" << std::endl;
    const std::string text = read_all(argc > 1 ? argv[1] : "");
    if (text.empty()) {
        std::cerr << "cannot read the text\n";
        return 1;
    }

    std::unordered_map<std::string, std::uint32_t> counts;
    std::uint32_t total = 0;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) {
            ++counts[word];
            ++total;
            word.clear();
        }
    };
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') {
            word += static_cast<char>(c - 'A' + 'a');
        } else if (c >= 'a' && c <= 'z') {
            word += c;
        } else {
            finish();
        }
    }
    finish();

    std::vector<std::pair<std::string, std::uint32_t>> words(counts.begin(), counts.end());
    std::sort(words.begin(), words.end());
    std::uint32_t digest = 2166136261;
    std::string longest;
    for (const auto &[letters, count] : words) {
        if (letters.size() > longest.size()) {
            longest = letters;
        }
        digest = digested(digested(digest, letters), " " + std::to_string(count) + "\n");
    }
    std::cout << total << " words, " << words.size() << " distinct, the longest is " << longest << "\n";
    std::sort(words.begin(), words.end(), [](const auto &a, const auto &b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    for (std::size_t n = 0; n < words.size() && n < 10; ++n) {
        std::cout << words[n].first << " " << words[n].second << "\n";
    }
    std::cout << std::hex << std::setw(8) << std::setfill('0') << digest << "\n";
    return std::cout.flush() ? 0 : 1;
}
