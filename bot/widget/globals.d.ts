// The styles, which bot/widget/__init__.py puts before the sources.
declare const STYLES: string;
