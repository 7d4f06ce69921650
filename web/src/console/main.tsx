import '../shared/theme.css';

const root = document.querySelector('#root');
if (root !== null) root.textContent = 'Console';
