// Results as JSON, for a program to read: written in order, by one call for each value.

#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

class Json {
public:
    explicit Json(std::FILE *file) : file_(file) {}

    Json &object() { return open('{', '}'); }
    Json &array() { return open('[', ']'); }
    // Ends the innermost object or array.
    Json &end() {
        std::fputc(closing_.back(), file_);
        closing_.pop_back();
        first_ = false;
        return *this;
    }

    Json &key(const std::string &name) {
        separate();
        text(name);
        std::fputc(':', file_);
        after_key_ = true;
        return *this;
    }
    Json &value(const std::string &value) {
        separate();
        text(value);
        return *this;
    }
    Json &value(const char *text) { return value(std::string(text)); }
    Json &value(bool yes) { return raw(yes ? "true" : "false"); }
    Json &value(int number) { return raw(std::to_string(number)); }
    Json &value(double number) {
        if (!std::isfinite(number)) return raw("null");
        char text[32];
        std::snprintf(text, sizeof text, "%.6g", number);
        return raw(text);
    }
    Json &value(const std::vector<double> &numbers) {
        array();
        for (double number : numbers) value(number);
        return end();
    }
    template <class T> Json &pair(const char *name, const T &what) {
        key(name);
        return value(what);
    }

private:
    Json &open(char opening, char closing) {
        separate();
        std::fputc(opening, file_);
        closing_.push_back(closing);
        first_ = true;
        return *this;
    }
    Json &raw(const std::string &text) {
        separate();
        std::fputs(text.c_str(), file_);
        return *this;
    }
    void separate() {
        if (!after_key_ && !first_) std::fputs(closing_.size() <= 3 ? ",\n" : ",", file_);
        after_key_ = first_ = false;
    }
    void text(const std::string &text) {
        std::fputc('"', file_);
        for (char c : text) {
            if (c == '"' || c == '\\') std::fputc('\\', file_);
            if (static_cast<unsigned char>(c) >= ' ') std::fputc(c, file_);
        }
        std::fputc('"', file_);
    }

    std::FILE *file_;
    std::string closing_;
    bool first_ = true;
    bool after_key_ = false;
};

}  // namespace bench
