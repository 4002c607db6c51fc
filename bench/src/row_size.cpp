// What the library adds to a program's disk: the .so, stripped as it is installed.

#include "bench.hpp"
#include "lowthread.h"
#include "rows.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace bench {

void row_size() {
    Dl_info library;
    MUST(dladdr(reinterpret_cast<void *>(&lt_version), &library) != 0);
    std::string stripped = "/tmp/lowthread-bench-" + std::to_string(getpid()) + ".so";
    std::string command = "strip -o '" + stripped + "' '" + library.dli_fname + "'";
    struct stat file;
    if (std::system(command.c_str()) != 0 || stat(stripped.c_str(), &file) != 0) {
        std::puts("size: skipped, `strip` does not work here\n");
        return;
    }
    std::printf("size: the stripped .so                 %.0f KiB\n", double(file.st_size) / 1024);
    std::ifstream input(stripped, std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(input)), {});
    std::remove(stripped.c_str());

    // Where it goes: the largest sections.
    auto header = reinterpret_cast<const ElfW(Ehdr) *>(bytes.data());
    auto sections = reinterpret_cast<const ElfW(Shdr) *>(bytes.data() + header->e_shoff);
    const char *names = bytes.data() + sections[header->e_shstrndx].sh_offset;
    std::vector<const ElfW(Shdr) *> largest;
    for (int i = 0; i < header->e_shnum; ++i) {
        if (sections[i].sh_type != SHT_NOBITS) largest.push_back(&sections[i]);
    }
    std::sort(largest.begin(), largest.end(), [](auto a, auto b) { return a->sh_size > b->sh_size; });
    for (size_t i = 0; i < std::min<size_t>(largest.size(), 5); ++i) {
        std::printf("  %-36s %.0f KiB\n", names + largest[i]->sh_name, double(largest[i]->sh_size) / 1024);
    }
    std::puts("");
}

}  // namespace bench
