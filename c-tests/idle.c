// A program that is not linked with the library, and does nothing: what is preloaded into it does it all.
int main(void) {
    return 0;
}
